"""Answers as training data: the text of an assistant message, and the objects for its placeholders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from grounding.answers.asked import Asked, as_asked
from grounding.answers.candidate_numbers import NUMBER_KEY, NUMBER_SIGN
from grounding.answers.descriptions import DESCRIPTION_MARK, quote_description
from grounding.answers.forms import DESCRIPTION_KEYS, NOTHING_FOUND, PICTURE_HEADING, PICTURE_KEY
from grounding.boxes import Size, to_grid
from grounding.markup import BOX_PLACEHOLDER, REF_PLACEHOLDER
from grounding.samples import Detection


@dataclass(frozen=True)
class Answer:
    """An assistant message of a training record, and the `objects` that fill its placeholders."""

    content: str
    objects: dict[str, list[Any]] | None


@dataclass(frozen=True)
class CandidateUse:
    """How an answer names an object by a candidate: its number, from 1, and whether its box is corrected."""

    number: int
    is_corrected: bool = False


@dataclass(frozen=True)
class _Named:
    """An object, its box on the grid, and the candidate by which it is named, None for a new box."""

    detection: Detection
    box: list[int]
    use: CandidateUse | None

    @property
    def has_box(self) -> bool:
        """Whether the answer writes the box."""
        return self.use is None or self.use.is_corrected


def write_answer(
    answer_format: str,
    detections: Sequence[Detection],
    asked: Size | Asked,
    uses: Sequence[CandidateUse | None] = (),
) -> Answer:
    """Write the answer that names these objects in their order, boxes on the 0..1000 grid.

    A description follows its object: in JSON under a key of its own, else in quotes behind the box. Where
    several pictures were asked about, the objects of each stand together, in the order of the pictures: in
    text under the picture's heading, in JSON each with the number of its picture. A picture without
    objects is left out. With `uses`, one for each object, a candidate's number stands in place of its box, or
    before the corrected box.
    """
    asked = as_asked(asked)
    named = [
        _Named(found, list(to_grid(found.box, asked.sizes[found.picture])), use)
        for found, use in zip(detections, uses or [None] * len(detections), strict=True)
    ]
    if asked.is_about_several:
        named = sorted(named, key=lambda each: each.detection.picture)
    if answer_format != "objects":
        rows = [_json_row(each, with_picture=asked.is_about_several) for each in named]
        return Answer(f"[{', '.join(rows)}]", None)
    boxed = [each for each in named if each.has_box]
    objects: dict[str, list[Any]] = {
        "ref": [each.detection.label for each in named],
        "bbox": [each.box for each in boxed],
    }
    if asked.is_about_several:
        objects["image_id"] = [each.detection.picture for each in boxed]
    return Answer(_text(named, asked) or NOTHING_FOUND["objects"], objects if named else None)


def _text(named: Sequence[_Named], asked: Asked) -> str:
    """Return the objects as placeholders, one line a picture; "" without any."""
    lines = []
    for picture, of_picture in groupby(named, lambda each: each.detection.picture):
        heading = PICTURE_HEADING.format(number=picture + 1) if asked.is_about_several else ""
        lines.append(heading + ", ".join(map(_placeholders, of_picture)))
    return "\n".join(lines)


def _placeholders(named: _Named) -> str:
    number = "" if named.use is None else f"{NUMBER_SIGN}{named.use.number}"
    box = BOX_PLACEHOLDER if named.has_box else ""
    return REF_PLACEHOLDER + number + box + _description(named.detection, DESCRIPTION_MARK)


def _json_row(named: _Named, *, with_picture: bool) -> str:
    # The picture comes before its box: an answer that is cut never has a box without it.
    row: dict[str, Any] = {PICTURE_KEY: named.detection.picture + 1} if with_picture else {}
    row |= {} if named.use is None else {NUMBER_KEY: named.use.number}
    row |= {"bbox_2d": named.box} if named.has_box else {}
    written = json.dumps(row | {"label": named.detection.label}, ensure_ascii=False)
    described = _description(named.detection, f', "{DESCRIPTION_KEYS[0]}": ')
    return f"{written.removesuffix('}')}{described}}}"


def _description(detection: Detection, before: str) -> str:
    """Return the description of an object behind `before`, "" if it has none."""
    text = detection.description or ""
    return before + quote_description(text) if text.strip() else ""
