"""Existing records: kept as they are, except for their boxes, which are converted to the 0..1000 grid."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grounding.answers.forms import PICTURE_KEY
from grounding.answers.spellings.said_pictures import is_picture_key
from grounding.answers.spellings.written_boxes import WrittenBox
from grounding.boxes import grid_has_area, to_grid
from grounding.candidates.candidate_list import CANDIDATES_KEY
from grounding.markup import REF_PLACEHOLDER
from grounding.record.box_pictures import IMAGE_ID_KEY
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.flaws import WARNINGS
from grounding.regions.region_mark import REGION_KEY, read_region
from grounding.views.view_mark import VIEWS_KEY
from prepare.questions.objects import ImageObjects, ObjectReader
from prepare.reasons import (
    BOX_NO_AREA_ON_GRID,
    RECORD_FLAWED,
    RECORD_WITH_BAD_BOX,
    RECORD_WITH_CANDIDATES,
    RECORD_WITH_VIEWS,
    UnusableBoxError,
    UnusableQueryError,
)
from prepare.source_types import Frame, Query
from prepare.sources.record_parts.placeholder_names import fill_json_template, is_json_template
from prepare.sources.record_parts.record_images import (
    needs_headings,
    pictures_of_rows,
    pictures_of_text,
    shown_images,
    with_headings,
)
from prepare.sources.record_parts.record_reader import record_boxes, record_parts
from prepare.sources.record_parts.record_text import ROW_KEYS, find_placeholders, first_key, json_objects
from prepare.sources.record_parts.text_boxes import find_text_boxes, rewrite_text_boxes
from prepare.sources.shared.source_values import read_numbers


@dataclass(frozen=True)
class RewrittenRecord:
    """A record with its boxes on the grid, the objects of its answers, and how many answers got headings."""

    row: dict[str, Any]
    objects: ImageObjects
    headings: int


def rewrite_record(
    query: Query, pictures: Sequence[tuple[str, Frame]], reader: ObjectReader
) -> RewrittenRecord:
    """Return a record with its boxes on the grid; `pictures` are its images' names and frames, in order.

    An answer about several images that does not name those of its boxes gets headings. The mark of a question
    for words stays, without the path of the picture before the region was shown: that is in the source's
    folder alone.

    Raises:
        UnusableQueryError: one box cannot be used (without it, placeholders and objects would not match), or
            training would drop, skip or garble the record.
    """
    if CANDIDATES_KEY in (query.record or {}):
        raise UnusableQueryError(RECORD_WITH_CANDIDATES)
    if VIEWS_KEY in (query.record or {}):
        raise UnusableQueryError(RECORD_WITH_VIEWS)
    frames = [frame for _, frame in pictures]
    objects = reader.read(query, *frames)
    if len(objects.trainable) != len(query.objects.boxes):
        raise UnusableQueryError(RECORD_WITH_BAD_BOX)
    parts, units = record_parts(query.record or {}), reader.box_format.units
    filling = _Filling(
        iter(parts.labels),
        iter(record_boxes(parts)),
        lambda box, picture: _on_grid(box, frames[picture], reader),
        is_grid=units == "grid",
    )
    turns = zip(parts.turns, parts.pictures(units), shown_images(parts.turns), strict=True)
    try:
        messages = [
            {"role": role, "content": filling.rewrite(role, text, own, shown)}
            for (role, text), own, shown in turns
        ]
    except UnusableBoxError as error:
        raise UnusableQueryError(RECORD_WITH_BAD_BOX) from error
    record: dict[str, Any] = {"messages": messages, "images": [name for name, _ in pictures]}
    if filling.labels or filling.boxes:
        record["objects"] = {"ref": filling.labels, "bbox": filling.boxes}
        if len(pictures) > 1:
            record["objects"][IMAGE_ID_KEY] = filling.pictures
    try:
        region = read_region(query.record)
    except ValueError as error:
        raise UnusableQueryError(RECORD_FLAWED) from error
    if region is not None:
        record[REGION_KEY] = replace(region, image="").as_json()
    if any(flaw.kind not in WARNINGS for flaw in check_record(record, Contract(is_verbatim=True))):
        raise UnusableQueryError(RECORD_FLAWED)
    return RewrittenRecord(record, objects, filling.headings)


@dataclass
class _Filling:
    """Rewrites messages in their order.

    `labels`, `boxes` and `pictures` are those of the placeholders that stay.
    """

    given_labels: Iterator[Any]
    given_boxes: Iterator[Any]
    on_grid: Callable[[Any, int], list[int]]
    is_grid: bool
    labels: list[Any] = field(default_factory=list)
    boxes: list[list[int]] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    headings: int = 0

    def rewrite(self, role: str, text: str, pictures: Sequence[int], shown: int) -> str:
        """Return a message with its boxes on the grid, and headings if they are missing; all else stays.

        `pictures` are those of its placeholders, and `shown` is how many images it can speak of.
        """
        if role == "assistant" and not find_placeholders(text) and (rows := json_objects(text)):
            return self._rewrite_json(rows, shown)
        if role == "assistant" or (role == "user" and not self.is_grid):
            stated, inside = find_text_boxes(
                text, is_question=role == "user", on_grid=True, about_several=shown > 1
            )
            text = self._rewrite_text(text, [*stated, *inside], shown)
        if role == "assistant" and needs_headings(text, shown, pictures):
            text = with_headings(text, pictures)
            self.headings += 1
        places = iter(pictures)
        if is_json_template(text):
            boxes = map(self.on_grid, self.given_boxes, places)
            return fill_json_template(text, self.given_labels, boxes)
        for mark in find_placeholders(text):
            if mark == REF_PLACEHOLDER:
                self.labels.append(next(self.given_labels))
            else:
                self.pictures.append(next(places))
                self.boxes.append(self.on_grid(next(self.given_boxes), self.pictures[-1]))
        return text

    def _rewrite_text(self, text: str, boxes: Sequence[WrittenBox], shown: int) -> str:
        """Return a text with grid coordinates; boxes that stay as they are need no image."""
        if self.is_grid and all(box.order is None and not box.is_percent for box in boxes) and shown > 1:
            places = [0] * len(boxes)
        else:
            places = pictures_of_text(boxes, shown)
        return rewrite_text_boxes(text, boxes, places, self.on_grid)

    def _rewrite_json(self, rows: list[dict[str, Any]], shown: int) -> str:
        written = []
        for row, picture in zip(rows, pictures_of_rows(rows, shown), strict=True):
            key = first_key(row, ROW_KEYS)
            rest = {name: value for name, value in row.items() if name != key}
            named: dict[str, Any] = {}
            if shown > 1:
                named = {PICTURE_KEY: picture + 1}
                rest = {name: value for name, value in rest.items() if not is_picture_key(name)}
            box = self.on_grid(read_numbers(row[key]), picture)
            written.append({**named, "bbox_2d": box, **rest})
        return json.dumps(written, ensure_ascii=False)


def _on_grid(numbers: Any, frame: Frame, reader: ObjectReader) -> list[int]:
    _, inside = reader.read_box(numbers, frame)
    on_grid = to_grid(inside, frame.upright)
    if not grid_has_area(on_grid):
        raise UnusableBoxError(BOX_NO_AREA_ON_GRID)
    return list(on_grid)
