"""Answers as training data: the text of an assistant message, and the objects for its placeholders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.answers.candidate_numbers import NUMBER_KEY, NUMBER_SIGN
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


@dataclass(frozen=True)
class CandidateUse:
    """How an answer names an object by a candidate: its number, from 1, and whether its box is corrected."""

    number: int
    is_corrected: bool = False


def write_answer(
    answer_format: str,
    detections: Sequence[Detection],
    size: Size,
    uses: Sequence[CandidateUse | None] = (),
) -> Answer:
    """Write the answer that names these objects in their order, boxes on the 0..1000 grid.

    A description follows its object: in JSON under a key of its own, else in quotes behind the box. With
    `uses`, one for each object, a candidate's number stands in place of its box, or before the corrected box.
    """
    pairs = list(zip(detections, uses or [None] * len(detections), strict=True))
    boxed = [found for found, use in pairs if use is None or use.is_corrected]
    if answer_format == "objects":
        objects: dict[str, list[Any]] = {
            "ref": [detection.label for detection in detections],
            "bbox": [list(to_grid(detection.box, size)) for detection in boxed],
        }
        content = ", ".join(
            REF_PLACEHOLDER
            + ("" if use is None else f"{NUMBER_SIGN}{use.number}")
            + (BOX_PLACEHOLDER if use is None or use.is_corrected else "")
            + _description(detection, DESCRIPTION_MARK)
            for detection, use in pairs
        )
        content = content or NOTHING_FOUND["objects"]
        return Answer(content, objects if detections else None)
    rows = [
        json.dumps(_json_object(detection, use, size), ensure_ascii=False).removesuffix("}")
        + _description(detection, f', "{DESCRIPTION_KEYS[0]}": ')
        for detection, use in pairs
    ]
    return Answer(f"[{', '.join(f'{row}}}' for row in rows)}]", None)


def _json_object(detection: Detection, use: CandidateUse | None, size: Size) -> dict[str, Any]:
    number = {} if use is None else {NUMBER_KEY: use.number}
    has_box = use is None or use.is_corrected
    box = {"bbox_2d": list(to_grid(detection.box, size))} if has_box else {}
    return {**number, **box, "label": detection.label}


def _description(detection: Detection, before: str) -> str:
    """Return the description of an object behind `before`, "" if it has none."""
    text = detection.description or ""
    return before + quote_description(text) if text.strip() else ""
