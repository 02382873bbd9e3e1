"""Existing records: kept as they are, except for their boxes, which are converted to the 0..1000 grid."""

import json
from typing import Any

from grounding.answers.forms import BOX_KEYS
from grounding.boxes import grid_has_area, to_grid
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.flaws import WARNINGS
from prepare.questions.objects import ImageObjects, ObjectReader
from prepare.reasons import (
    BOX_NO_AREA_ON_GRID,
    RECORD_FLAWED,
    RECORD_WITH_BAD_BOX,
    UnusableBoxError,
    UnusableQueryError,
)
from prepare.source_types import Frame, Query
from prepare.sources.shared.record_text import find_placeholders, first_key, json_objects
from prepare.sources.shared.source_values import read_numbers


def rewrite_record(
    query: Query, frame: Frame, reader: ObjectReader, image: str
) -> tuple[dict[str, Any], ImageObjects]:
    """Return a record with its boxes on the grid, and the objects of its answers.

    Raises:
        UnusableQueryError: one box cannot be used (without it, placeholders and objects would not match), or
            training would drop, skip or garble the record.
    """
    row = query.record or {}
    objects = reader.read(query, frame)
    if len(objects.trainable) != len(query.objects.boxes):
        raise UnusableQueryError(RECORD_WITH_BAD_BOX)
    try:
        messages = [_rewrite_message(message, frame, reader) for message in row["messages"]]
        record: dict[str, Any] = {"messages": messages, "images": [image]}
        if given := row.get("objects"):
            boxes = [_on_grid(numbers, frame, reader) for numbers in given.get("bbox") or ()]
            record["objects"] = {"ref": list(given.get("ref") or ()), "bbox": boxes}
    except UnusableBoxError as error:
        raise UnusableQueryError(RECORD_WITH_BAD_BOX) from error
    if any(flaw.kind not in WARNINGS for flaw in check_record(record, Contract(is_verbatim=True))):
        raise UnusableQueryError(RECORD_FLAWED)
    return record, objects


def _rewrite_message(message: dict[str, Any], frame: Frame, reader: ObjectReader) -> dict[str, Any]:
    content = message["content"]
    if message["role"] == "assistant" and not find_placeholders(content):
        content = _rewrite_json(content, frame, reader)
    return {"role": message["role"], "content": content}


def _rewrite_json(text: str, frame: Frame, reader: ObjectReader) -> str:
    """Return a JSON answer with its boxes on the grid; an answer without boxes is returned unchanged."""
    items = json_objects(text)
    if not items:
        return text
    rows = []
    for item in items:
        key = first_key(item, BOX_KEYS)
        rest = {name: value for name, value in item.items() if name != key}
        rows.append({"bbox_2d": _on_grid(item[key], frame, reader), **rest})
    return json.dumps(rows, ensure_ascii=False)


def _on_grid(numbers: Any, frame: Frame, reader: ObjectReader) -> list[int]:
    _, inside = reader.read_box(read_numbers(numbers), frame)
    on_grid = to_grid(inside, frame.upright)
    if not grid_has_area(on_grid):
        raise UnusableBoxError(BOX_NO_AREA_ON_GRID)
    return list(on_grid)
