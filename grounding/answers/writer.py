"""Answers as training data: the text of an assistant message, and the objects for its placeholders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.answers.descriptions import DESCRIPTION_MARK, quote_description
from grounding.answers.forms import DESCRIPTION_KEYS, NOTHING_FOUND
from grounding.boxes import Size, to_grid
from grounding.markup import BOX_PLACEHOLDER, REF_PLACEHOLDER
from grounding.samples import Detection


@dataclass(frozen=True)
class Answer:
    """An assistant message of a training record, and the `objects` that fill its placeholders."""

    content: str
    objects: dict[str, list[Any]] | None


def write_answer(answer_format: str, detections: Sequence[Detection], size: Size) -> Answer:
    """Write the answer that names these objects in their order, boxes on the 0..1000 grid.

    A description follows its object: in JSON under a key of its own, else in quotes behind the box.
    """
    if answer_format == "objects":
        objects: dict[str, list[Any]] = {
            "ref": [detection.label for detection in detections],
            "bbox": [list(to_grid(detection.box, size)) for detection in detections],
        }
        one = REF_PLACEHOLDER + BOX_PLACEHOLDER
        content = ", ".join(one + _description(detection, DESCRIPTION_MARK) for detection in detections)
        content = content or NOTHING_FOUND["objects"]
        return Answer(content, objects if detections else None)
    rows = [
        json.dumps(
            {"bbox_2d": list(to_grid(detection.box, size)), "label": detection.label}, ensure_ascii=False
        ).removesuffix("}")
        + _description(detection, f', "{DESCRIPTION_KEYS[0]}": ')
        for detection in detections
    ]
    return Answer(f"[{', '.join(f'{row}}}' for row in rows)}]", None)


def _description(detection: Detection, before: str) -> str:
    """Return the description of an object behind `before`, "" if it has none."""
    text = detection.description or ""
    return before + quote_description(text) if text.strip() else ""
