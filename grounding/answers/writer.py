"""Answers as training data: the text of an assistant message, and the objects for its placeholders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from grounding.answers.asked import Asked, as_asked
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


def write_answer(answer_format: str, detections: Sequence[Detection], asked: Size | Asked) -> Answer:
    """Write the answer that names these objects in their order, boxes on the 0..1000 grid.

    A description follows its object: in JSON under a key of its own, else in quotes behind the box. Where
    several pictures were asked about, the objects of each stand together, in the order of the pictures: in
    text under the picture's heading, in JSON each with the number of its picture. A picture without
    objects is left out.
    """
    asked = as_asked(asked)
    if asked.is_about_several:
        detections = sorted(detections, key=lambda detection: detection.picture)
    boxes = [list(to_grid(detection.box, asked.sizes[detection.picture])) for detection in detections]
    if answer_format != "objects":
        rows = map(_json_row, detections, boxes, [asked.is_about_several] * len(boxes))
        return Answer(f"[{', '.join(rows)}]", None)
    objects: dict[str, list[Any]] = {"ref": [detection.label for detection in detections], "bbox": boxes}
    if asked.is_about_several:
        objects["image_id"] = [detection.picture for detection in detections]
    return Answer(_text(detections, asked) or NOTHING_FOUND["objects"], objects if detections else None)


def _text(detections: Sequence[Detection], asked: Asked) -> str:
    """Return the objects as placeholders, one line a picture; "" without any."""
    one = REF_PLACEHOLDER + BOX_PLACEHOLDER
    lines = []
    for picture, of_picture in groupby(detections, lambda detection: detection.picture):
        heading = PICTURE_HEADING.format(number=picture + 1) if asked.is_about_several else ""
        lines.append(
            heading + ", ".join(one + _description(detection, DESCRIPTION_MARK) for detection in of_picture)
        )
    return "\n".join(lines)


def _json_row(detection: Detection, box: list[int], with_picture: bool) -> str:
    # The picture comes before its box: an answer that is cut never has a box without it.
    row: dict[str, Any] = {PICTURE_KEY: detection.picture + 1} if with_picture else {}
    written = json.dumps(row | {"bbox_2d": box, "label": detection.label}, ensure_ascii=False)
    described = _description(detection, f', "{DESCRIPTION_KEYS[0]}": ')
    return f"{written.removesuffix('}')}{described}}}"


def _description(detection: Detection, before: str) -> str:
    """Return the description of an object behind `before`, "" if it has none."""
    text = detection.description or ""
    return before + quote_description(text) if text.strip() else ""
