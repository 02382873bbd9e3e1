"""The answers of two models to the same questions compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import Box
from grounding.files import read_jsonl
from grounding.layout import PREDICTIONS_FILE
from grounding.matching import match_detections
from grounding.samples import Detection
from train.gpu_check.finding import StepFailedError

SAME_BOX = 0.9
"""Answers with other words agree if they have the same labels, and each pair of boxes has this IoU."""


@dataclass(frozen=True)
class Agreement:
    """How many of the answers agree, and the first image whose answers do not."""

    agreeing: int
    count: int
    first_other: str = ""

    @property
    def share(self) -> float:
        """The share of answers that agree."""
        return self.agreeing / self.count

    @property
    def text(self) -> str:
        """The numbers in words."""
        other = f"; not about {self.first_other}" if self.first_other else ""
        return f"{self.agreeing} of {self.count} answers agree{other}"


def compare_answers(first: Path, second: Path) -> Agreement:
    """Compare the predictions in two folders, image by image.

    Raises:
        UserError: predictions that cannot be read.
        StepFailedError: they are about other images, or no answer has a text.
    """
    rows, others = _read_rows(first), _read_rows(second)
    if rows.keys() != others.keys() or not rows:
        raise StepFailedError(f"{first} and {second} hold answers about {len(rows)} and {len(others)} images")
    if not any(row["raw"].strip() for row in (*rows.values(), *others.values())):
        raise StepFailedError(f"no answer in {first} and {second} has a text")
    differing = [number for number, row in rows.items() if not is_same_answer(row, others[number])]
    name = str(rows[differing[0]]["image"]) if differing else ""
    return Agreement(len(rows) - len(differing), len(rows), name)


def is_same_answer(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Tell whether two rows of predictions have one text, or the same labels with the same boxes."""
    if first["raw"] == second["raw"]:
        return True
    ours, theirs = _detections(first), _detections(second)
    if not ours or len(ours) != len(theirs):
        return False
    return min(match_detections(ours, theirs).ious) >= SAME_BOX


def _read_rows(folder: Path) -> dict[int, dict[str, Any]]:
    return {row["image_id"]: row for _, row in read_jsonl(folder / PREDICTIONS_FILE)}


def _detections(row: Mapping[str, Any]) -> Sequence[Detection]:
    return [Detection(found["label"], Box(*found["box"]), None) for found in row["detections"]]
