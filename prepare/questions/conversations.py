"""Records that exist already: kept as they are, but for their boxes, which go onto the 0..1000 grid."""

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from grounding.answers.forms import BOX_KEYS, LABEL_KEYS
from grounding.boxes import Size, grid_has_area, read_box, to_grid
from grounding.markup import BOX_START, IMAGE_PLACEHOLDER
from prepare.questions.objects import RowObjects, read_objects
from prepare.sources.source import BoxFormat, Query, RawObjects

RECORD_WITH_BAD_BOX = "record has a box that cannot be used"
RECORD_UNREADABLE = "record has boxes in a form that cannot be rewritten"
RECORD_UNMATCHED = "record's placeholders and objects differ in number"
RECORD_IMAGE_UNMATCHED = "record has not one image for one placeholder"

REF_MARK, BOX_MARK = "<ref-object>", "<bbox>"
_MARK = re.compile(f"{REF_MARK}|{BOX_MARK}")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)


def read_record(row: dict[str, Any]) -> Query:
    """Return a record as a query: the objects of its answers, boxes as they stand there, or its fault.

    A box of `objects` belongs to the last name before its placeholder; boxes in user messages are of no
    answer. Where an answer has no placeholders, it is read as JSON, fenced or not.

    Raises:
        ValueError: `messages` or `objects` are not of their form.
    """
    messages, objects = row.get("messages"), row.get("objects") or {}
    try:
        texts = [(str(message["role"]), message["content"]) for message in messages or ()]
        refs, boxes = (list(objects.get(key) or ()) for key in ("ref", "bbox"))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("messages need role and content, objects ref and bbox") from error
    if not texts or not all(isinstance(text, str) for _, text in texts):
        raise ValueError("messages are needed, with role, and content as a text")
    marks = [mark for _, text in texts for mark in _MARK.findall(text)]
    if marks.count(REF_MARK) != len(refs) or marks.count(BOX_MARK) != len(boxes):
        return Query(RawObjects(), record=row, fault=RECORD_UNMATCHED)
    if sum(text.count(IMAGE_PLACEHOLDER) for _, text in texts) != 1:
        return Query(RawObjects(), record=row, fault=RECORD_IMAGE_UNMATCHED)
    found: list[tuple[Any, str | None]] = []
    label: str | None = None
    for role, text in texts:
        for mark in _MARK.findall(text):
            if mark == REF_MARK:
                label = str(refs.pop(0))
            elif role == "assistant":
                found.append((boxes.pop(0), label))
            else:
                boxes.pop(0)
        if role == "assistant" and not _MARK.search(text):
            items = _json_items(text)
            if items is None:
                return Query(RawObjects(), record=row, fault=RECORD_UNREADABLE)
            found += [(item[_key(item, BOX_KEYS)], _label(item)) for item in items]
    raw = RawObjects([box for box, _ in found], [name for _, name in found], [None] * len(found))
    return Query(raw, record=row)


def rewrite(
    query: Query, size: Size, box_format: BoxFormat, names: Collection[str], image: str
) -> tuple[dict[str, Any], RowObjects] | str:
    """Return a record with its boxes on the grid and its answers' objects, or why it has to be left out.

    One bad box costs the record: without it, placeholders and objects would no longer match.
    """
    row = query.record or {}
    objects = read_objects(query.objects, size, box_format, names)
    if len(objects.trainable) != len(query.objects.boxes):
        return RECORD_WITH_BAD_BOX
    messages = []
    for message in row["messages"]:
        content = message["content"]
        if message["role"] == "assistant" and not _MARK.search(content):
            content = _rewrite_json(content, size, box_format)
        messages.append({"role": message["role"], "content": content})
    record: dict[str, Any] = {"messages": messages, "images": [image]}
    if given := row.get("objects"):
        boxes = [_on_grid(numbers, size, box_format) for numbers in given.get("bbox") or ()]
        if None in boxes:
            return RECORD_WITH_BAD_BOX
        record["objects"] = {"ref": list(given.get("ref") or ()), "bbox": boxes}
    return record, objects


def _json_items(text: str) -> list[dict[str, Any]] | None:
    """Return the objects with a box of a JSON answer; none of plain prose; None of what looks cut or odd."""
    if BOX_START in text:
        return None
    fenced = _FENCE.match(text)
    try:
        content = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return None if any(f'"{key}"' in text for key in BOX_KEYS) else []
    items = content if isinstance(content, list) else [content]
    found = [item for item in items if isinstance(item, dict) and _key(item, BOX_KEYS)]
    return found if not found or len(found) == len(items) else None


def _rewrite_json(text: str, size: Size, box_format: BoxFormat) -> str:
    """Return a JSON answer with its boxes on the grid; an answer without boxes comes back as it is."""
    items = _json_items(text)
    if not items:
        return text
    rows = []
    for item in items:
        key = _key(item, BOX_KEYS)
        rest = {name: value for name, value in item.items() if name != key}
        rows.append({"bbox_2d": _on_grid(item[key], size, box_format), **rest})
    return json.dumps(rows, ensure_ascii=False)


def _on_grid(numbers: Sequence[float], size: Size, box_format: BoxFormat) -> list[int] | None:
    """Return a box on the grid, None where it is no box there."""
    try:
        box = read_box(numbers, box_format.order, box_format.units, size)
    except (TypeError, ValueError):
        return None
    if not (box.is_finite and box.has_area):
        return None
    on_grid = to_grid(box.clipped(size), size)
    return list(on_grid) if grid_has_area(on_grid) else None


def _key(item: dict[str, Any], keys: Sequence[str]) -> str:
    return next((key for key in keys if key in item), "")


def _label(item: dict[str, Any]) -> str | None:
    key = _key(item, LABEL_KEYS)
    return str(item[key]) if key else None
