"""A question about an image, and what was read out of its answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from grounding.answers.forms import TRUNCATED
from grounding.answers.reader import read_answer
from grounding.boxes import Size
from grounding.samples import Detection
from infer.asking.token_scores import token_scores
from infer.engines.protocol import RawAnswer, Request

NO_SCORE = "no probabilities to score by"


@dataclass(frozen=True)
class Item:
    """One request about one image, or a part of it, of this size in pixels."""

    request: Request
    size: Size


@dataclass(frozen=True)
class Answered:
    """The text as it came, the detections in original pixels, and the named problems of the reading."""

    raw: str
    detections: tuple[Detection, ...]
    problems: tuple[str, ...]


Ask = Callable[[Sequence[Item]], list[Answered]]
"""Asks items, and returns what was found for each, in their order and in the pixels of their images."""


def read_raw(answer: RawAnswer, size: Size, score: str = "none") -> Answered:
    """Read one answer about an image of this size; `score` is that of the recipe."""
    reading = read_answer(answer.text, size)
    detections, problems = reading.detections, list(reading.problems)
    if answer.is_cut and TRUNCATED not in problems:
        problems.append(TRUNCATED)
    if score != "none" and detections:
        scores = token_scores(answer.tokens, reading.spans, score)
        detections = tuple(
            replace(found, score=value) for found, value in zip(detections, scores, strict=True)
        )
        if None in scores:
            problems.append(NO_SCORE)
    return Answered(answer.text, tuple(detections), tuple(problems))
