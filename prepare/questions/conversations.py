"""Existing records: kept as they are, except for their boxes, which are converted to the 0..1000 grid."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from grounding.boxes import grid_has_area, to_grid
from grounding.candidates.candidate_list import CANDIDATES_KEY
from grounding.markup import REF_PLACEHOLDER
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.flaws import WARNINGS
from grounding.regions.region_mark import REGION_KEY, read_region
from prepare.questions.objects import ImageObjects, ObjectReader
from prepare.reasons import (
    BOX_NO_AREA_ON_GRID,
    RECORD_FLAWED,
    RECORD_WITH_BAD_BOX,
    RECORD_WITH_CANDIDATES,
    UnusableBoxError,
    UnusableQueryError,
)
from prepare.source_types import Frame, Query
from prepare.sources.record_parts.placeholder_names import fill_json_template, is_json_template
from prepare.sources.record_parts.record_reader import record_boxes, record_parts
from prepare.sources.record_parts.record_text import ROW_KEYS, find_placeholders, first_key, json_objects
from prepare.sources.record_parts.text_boxes import find_text_boxes, rewrite_text_boxes
from prepare.sources.shared.source_values import read_numbers


def rewrite_record(
    query: Query, frame: Frame, reader: ObjectReader, image: str
) -> tuple[dict[str, Any], ImageObjects]:
    """Return a record with its boxes on the grid, and the objects of its answers.

    The mark of a question for words stays, without the path of the picture before the region was shown: that
    is in the source's folder alone.

    Raises:
        UnusableQueryError: one box cannot be used (without it, placeholders and objects would not match), or
            training would drop, skip or garble the record.
    """
    if CANDIDATES_KEY in (query.record or {}):
        raise UnusableQueryError(RECORD_WITH_CANDIDATES)
    objects = reader.read(query, frame)
    if len(objects.trainable) != len(query.objects.boxes):
        raise UnusableQueryError(RECORD_WITH_BAD_BOX)
    parts = record_parts(query.record or {})
    filling = _Filling(
        iter(parts.labels),
        iter(record_boxes(parts)),
        lambda box: _on_grid(box, frame, reader),
        is_grid=reader.box_format.units == "grid",
    )
    try:
        messages = [{"role": role, "content": filling.rewrite(role, text)} for role, text in parts.turns]
    except UnusableBoxError as error:
        raise UnusableQueryError(RECORD_WITH_BAD_BOX) from error
    record: dict[str, Any] = {"messages": messages, "images": [image]}
    if filling.labels or filling.boxes:
        record["objects"] = {"ref": filling.labels, "bbox": filling.boxes}
    try:
        region = read_region(query.record)
    except ValueError as error:
        raise UnusableQueryError(RECORD_FLAWED) from error
    if region is not None:
        record[REGION_KEY] = replace(region, image="").as_json()
    if any(flaw.kind not in WARNINGS for flaw in check_record(record, Contract(is_verbatim=True))):
        raise UnusableQueryError(RECORD_FLAWED)
    return record, objects


@dataclass
class _Filling:
    """Rewrites messages in their order; `labels` and `boxes` are those of the placeholders that stay."""

    given_labels: Iterator[Any]
    given_boxes: Iterator[Any]
    on_grid: Callable[[Any], list[int]]
    is_grid: bool
    labels: list[Any] = field(default_factory=list)
    boxes: list[list[int]] = field(default_factory=list)

    def rewrite(self, role: str, text: str) -> str:
        """Return a message with its boxes on the grid; all else stays."""
        if role == "assistant" and not find_placeholders(text) and (rows := json_objects(text)):
            return self._rewrite_json(rows)
        if role == "assistant" or (role == "user" and not self.is_grid):
            stated, inside = find_text_boxes(text, is_question=role == "user", on_grid=True)
            text = rewrite_text_boxes(text, [*stated, *inside], self.on_grid)
        if is_json_template(text):
            return fill_json_template(text, self.given_labels, map(self.on_grid, self.given_boxes))
        for mark in find_placeholders(text):
            if mark == REF_PLACEHOLDER:
                self.labels.append(next(self.given_labels))
            else:
                self.boxes.append(self.on_grid(next(self.given_boxes)))
        return text

    def _rewrite_json(self, rows: list[dict[str, Any]]) -> str:
        written = []
        for row in rows:
            key = first_key(row, ROW_KEYS)
            rest = {name: value for name, value in row.items() if name != key}
            written.append({"bbox_2d": self.on_grid(read_numbers(row[key])), **rest})
        return json.dumps(written, ensure_ascii=False)


def _on_grid(numbers: Any, frame: Frame, reader: ObjectReader) -> list[int]:
    _, inside = reader.read_box(numbers, frame)
    on_grid = to_grid(inside, frame.upright)
    if not grid_has_area(on_grid):
        raise UnusableBoxError(BOX_NO_AREA_ON_GRID)
    return list(on_grid)
