"""What was read out of the answers to a question."""

from dataclasses import dataclass

from grounding.answers import TRUNCATED, read_answer
from grounding.boxes import Size
from grounding.samples import Detection
from infer.engine import RawAnswer


@dataclass(frozen=True)
class Answered:
    """The text as it came, the detections in original pixels, and the named problems of the reading."""

    raw: str
    detections: tuple[Detection, ...]
    problems: tuple[str, ...]


def read_raw(answer: RawAnswer, size: Size) -> Answered:
    """Read one answer about an image of this size."""
    reading = read_answer(answer.text, size)
    problems = list(reading.problems)
    if answer.is_cut and TRUNCATED not in problems:
        problems.append(TRUNCATED)
    return Answered(answer.text, tuple(reading.detections), tuple(problems))
