"""The boxes that were found for descriptions: cycle.jsonl, which `python -m infer.cycle` writes."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.layout import CYCLE_FILE
from infer.scoring.words.given_descriptions import GivenDescription


def cycle_row(item: GivenDescription, box: Sequence[float] | None, overlap: float) -> dict[str, Any]:
    """Return the row of a description: the box in pixels that was found for its words, and its IoU."""
    return {**_identity(item), "box": None if box is None else list(box), "iou": overlap}


def fingerprint_words(found: Iterable[GivenDescription]) -> str:
    """Return a hash of descriptions, by what tells them and their words."""
    return hashlib.sha256("\n".join(_key(_identity(item)) for item in found).encode()).hexdigest()


def add_cycle(
    descriptions: tuple[GivenDescription, ...], folder: Path
) -> tuple[tuple[GivenDescription, ...], tuple[str, ...]]:
    """Return the descriptions with the IoUs in the folder's cycle.jsonl, and notes.

    Without such a file, or if it is of other answers, they have none.

    Raises:
        UserError: the file is not what `python -m infer.cycle` writes.
    """
    path = folder / CYCLE_FILE
    if not descriptions or not path.is_file():
        return descriptions, ()
    known = {_key(_identity(item)): place for place, item in enumerate(descriptions)}
    overlaps: dict[int, float] = {}
    for line, row in read_jsonl(path):
        overlap, key = row.get("iou"), _key(row)
        if not isinstance(overlap, (int, float)) or not 0 <= overlap <= 1:
            raise UserError(
                f"{path}, line {line}: iou is no number 0 to 1: run `python -m infer.cycle` again"
            )
        if key not in known:
            return descriptions, (f"{path}: it is of other answers: run `python -m infer.cycle` again",)
        overlaps[known[key]] = float(overlap)
    return tuple(replace(item, cycle_iou=overlaps.get(place)) for place, item in enumerate(descriptions)), ()


def _identity(item: GivenDescription) -> dict[str, Any]:
    region = {"box": list(item.region.box), "show": item.region.show}
    return {
        "image_id": item.image_id,
        "about": region,
        "question": item.question,
        "repeat": item.repeat,
        "words": item.words,
    }


def _key(row: Mapping[str, Any]) -> str:
    """Return what tells a description, its words included."""
    return repr([row.get(key) for key in ("image_id", "about", "question", "repeat", "words")])
