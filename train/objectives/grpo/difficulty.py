"""Questions that are neither solved nor hopeless: those teach most, as the answers to one differ.

`python -m infer.mine` samples answers to the training questions and writes graded.jsonl, a row for each
question: `line` (in train.jsonl, from 1), `image`, `question`, and `reward`, the answers' mean reward.
Source for the range: Yu et al., DAPO (arXiv 2503.14476), section 3.2, which leaves out what is always right
or always wrong; here it is done once, before the training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_jsonl
from infer.sampling.known_questions import KnownQuestion

NAMES = ("line", "image", "question", "reward")
AGAIN = "grade the data set again with `python -m infer.mine`"


@dataclass(frozen=True)
class GradedLine:
    """The mean reward of sampled answers to the question in a line of train.jsonl."""

    line: int
    image: str
    question: str
    reward: float


def read_graded(file: Path, bounds: tuple[float, float]) -> list[GradedLine]:
    """Read the graded questions whose mean reward lies within the bounds, both included.

    Raises:
        UserError: no such file, a row that is none of graded.jsonl, or none within the bounds.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file: `python -m infer.mine` writes graded.jsonl")
    graded = []
    for number, row in read_jsonl(file):
        values: list[Any] = [row.get(name) for name in NAMES]
        line, image, question, reward = values
        are_numbers = type(line) is int and type(reward) in (int, float)
        if not (are_numbers and isinstance(image, str) and isinstance(question, str)):
            raise UserError(f"{file}, line {number}: no line, image, question and reward in it: {AGAIN}")
        graded.append(GradedLine(line, image, question, float(reward)))
    low, high = bounds
    chosen = [each for each in graded if low <= each.reward <= high]
    if not chosen:
        raise UserError(
            f"{file}: none of {len(graded)} questions has a mean reward of {low} to {high}: "
            "widen grounding_grpo.difficulty"
        )
    return chosen


def of_difficulty(
    known: Sequence[KnownQuestion], file: Path, bounds: tuple[float, float]
) -> list[KnownQuestion]:
    """Return the questions that were graded within the bounds, in the order of the data set.

    Raises:
        UserError: as `read_graded`, or the file belongs to another data set.
    """
    by_line = {each.line: each for each in known}
    chosen = set()
    for graded in read_graded(file, bounds):
        own = by_line.get(graded.line)
        if own is None or (own.question.image, own.question.text) != (graded.image, graded.question):
            raise UserError(
                f"{file}: line {graded.line} of the data set asks something else than '{graded.question}' "
                f"about {graded.image}: {AGAIN}"
            )
        chosen.add(graded.line)
    return [each for each in known if each.line in chosen]
