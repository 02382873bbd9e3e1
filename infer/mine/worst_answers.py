"""The hardest questions of a mined data set, with the worst and the best answer to each, for a page."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from typing_extensions import NotRequired, TypedDict

from grounding.boxes import Size
from grounding.candidates.candidate_list import CANDIDATES_KEY
from grounding.errors import UserError
from grounding.files import check_types, read_jsonl
from grounding.predictions.prediction_rows import Prediction, parse_detection, parse_predictions
from grounding.samples import Detection
from infer.mine.graded_rows import GRADED_FILE
from infer.sampling.sampling_run import SAMPLES_FILE


@dataclass(frozen=True)
class WorstAnswers:
    """A picture of a hard question: the true objects in it, and what two of the answers say of it.

    `summary` says what is wrong with the answers, for instance "blue triangle: missed 4".
    """

    image: str
    size: Size
    objects: tuple[Detection, ...]
    hardness: float
    reward: float
    summary: str
    worst: Prediction
    best: Prediction


class _Picture(TypedDict):
    image: str
    width: int
    height: int


class _GradedRow(TypedDict):
    line: int
    image: str
    width: int
    height: int
    question: str
    reward: float
    hardness: float
    objects: list[dict[str, Any]]
    pictures: NotRequired[list[_Picture]]
    candidates: NotRequired[dict[str, Any]]
    invented: dict[str, float]
    copied: int


class _SampledRow(TypedDict):
    image: str
    answers: list[dict[str, Any]]


def read_worst_answers(folder: Path) -> list[WorstAnswers]:
    """Return the pictures of a mined data set's questions, the hardest question first.

    `image_id` counts them from 1; the pictures of one question follow each other. Of equally hard questions,
    that with the lower mean reward comes first, then the order of the data set.

    Raises:
        UserError: the folder is no mined data set, or its files do not belong together.
    """
    rows = list(_read_rows(folder))
    rows.sort(key=lambda pair: (-pair[0]["hardness"], pair[0]["reward"], pair[0]["line"]))
    found: list[WorstAnswers] = []
    for graded, sampled in rows:
        where = f"{folder / GRADED_FILE}, the row of line {graded['line']}"
        try:
            found += _answers_of(len(found) + 1, graded, sampled, where)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{where}: {error!r}: mine again with overwrite=true") from error
    return found


def _read_rows(folder: Path) -> Iterator[tuple[_GradedRow, _SampledRow]]:
    paths = (folder / GRADED_FILE, folder / SAMPLES_FILE)
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: no such file: '{folder}' is no folder of `python -m infer.mine`")
    try:
        for (line, graded), (_, sampled) in zip(*map(read_jsonl, paths), strict=True):
            check_types(graded, _GradedRow)
            check_types(sampled, _SampledRow)
            if graded["image"] != sampled["image"] or not sampled["answers"]:
                raise ValueError(f"row {line} is about {graded['image']}, not about {sampled['image']}")
            yield graded, sampled
    except ValueError as error:
        raise UserError(f"{paths[0]} and {paths[1].name}: {error}: mine again with overwrite=true") from error


def _answers_of(number: int, graded: _GradedRow, sampled: _SampledRow, where: str) -> Iterator[WorstAnswers]:
    """Yield the pictures of a question, numbered from `number`, each with its part of the answers."""
    answers = sorted(sampled["answers"], key=lambda answer: float(answer["reward"]))
    alone: _Picture = {"image": graded["image"], "width": graded["width"], "height": graded["height"]}
    pictures = graded.get("pictures") or [alone]
    numbered = [
        {"image_id": number + place, "image": picture["image"]} for place, picture in enumerate(pictures)
    ]

    def predictions(answer: dict[str, Any]) -> list[Prediction]:
        row = {**alone, **numbered[0], "question": graded["question"], **answer}
        row |= {CANDIDATES_KEY: listed} if (listed := graded.get(CANDIDATES_KEY)) else {}
        return parse_predictions(row | {"pictures": numbered} if len(pictures) > 1 else row, where)

    objects = tuple(map(parse_detection, graded["objects"]))
    worst, best = predictions(answers[0]), predictions(answers[-1])
    for place, picture in enumerate(pictures):
        yield WorstAnswers(
            picture["image"],
            Size(picture["width"], picture["height"]),
            tuple(replace(item, picture=0) for item in objects if item.picture == place),
            graded["hardness"],
            graded["reward"],
            _summary(graded),
            worst[place],
            best[place],
        )


def _summary(graded: _GradedRow) -> str:
    parts = [
        f"{item['label']}: " + ", ".join(f"{grade} {count}" for grade, count in item["grades"].items())
        for item in graded["objects"]
        if item["hardness"]
    ]
    parts += [f"{label}: invented in {share:.0%}" for label, share in graded["invented"].items()]
    if graded["copied"]:
        parts.append(f"copied {graded['copied']}")
    return "; ".join(parts)
