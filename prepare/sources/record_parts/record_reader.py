"""The objects of a record's answers: boxes of placeholders, of JSON and of text, each with its name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.answers.forms import LABEL_KEYS
from grounding.answers.spellings.written_boxes import WrittenBox
from grounding.markup import BOX_PLACEHOLDER, IMAGE_PLACEHOLDER, REF_PLACEHOLDER
from grounding.record.box_pictures import IMAGE_ID_KEY
from prepare.reasons import (
    RECORD_FLAWED,
    RECORD_IMAGE_UNMATCHED,
    RECORD_PICTURE_UNKNOWN,
    RECORD_UNMATCHED,
    RECORD_UNNAMED,
    UnusableQueryError,
)
from prepare.source_types import RawObjects, StatedBox
from prepare.sources.record_parts.placeholder_names import pair_names
from prepare.sources.record_parts.question_name import name_in_question, plain_name_before, says_only
from prepare.sources.record_parts.record_images import (
    needs_headings,
    pictures_of_placeholders,
    pictures_of_rows,
    pictures_of_text,
    shown_images,
    stated_indices,
)
from prepare.sources.record_parts.record_text import ROW_KEYS, find_placeholders, first_key, json_objects
from prepare.sources.record_parts.text_boxes import find_text_boxes, stated_box
from prepare.sources.shared.source_values import read_numbers

UNITS_OF_TYPE = {"real": "pixels", "norm1": "relative", "norm1000": "grid"}
"""The units that `objects.bbox_type` names; ms-swift's are real and norm1."""


class RecordFormatError(ValueError):
    """A record has another format; the message says what is wrong."""


_MARKUP = re.compile(
    rf"<think(?:ing)?>.*?</think(?:ing)?>|\A.*</think(?:ing)?>|</?\w+>|<\|\w+\|>|{BOX_PLACEHOLDER}", re.DOTALL
)
QUESTION, ANSWER = "user", "assistant"


@dataclass(frozen=True)
class RecordParts:
    """A record's (role, text) turns, the labels and boxes of its `objects`, and the units that it states.

    `image_ids` is what its `objects` say of the images of the boxes, unchecked.
    """

    turns: list[tuple[str, str]]
    labels: list[Any]
    boxes: list[Any]
    units: str | None
    image_ids: Any = None

    def pictures(self, units: str) -> list[list[int]]:
        """Return for each turn the indices of the images of its box placeholders; boxes are in these units.

        Raises:
            UnusableQueryError: neither text nor objects say it, they disagree, or an image is not there.
        """
        stated = iter(stated_indices(self.image_ids, len(self.boxes)))
        first_is_usual = (self.units or units) == "pixels"
        return [
            pictures_of_placeholders(
                text,
                shown,
                [next(stated, None) for _ in range(find_placeholders(text).count(BOX_PLACEHOLDER))],
                first_is_usual=first_is_usual,
            )
            for (_, text), shown in zip(self.turns, shown_images(self.turns), strict=True)
        ]


def read_record(row: dict[str, Any], units: str, *, headings: bool = True) -> RawObjects:
    """Return the objects of a record's answers, boxes as they are written there, in these units.

    Which name belongs to a box of `objects`: see `placeholder_names`. A box in text has the name that the
    reader of answers finds. A box without a name has that of the question, if it asks for one thing; boxes in
    questions belong to no answer. Which image it is in: see `record_images`; without `headings`, answers
    have to say it themselves.

    Raises:
        RecordFormatError: `messages` or `objects` have another format, or bbox_type is none.
        UnusableQueryError: placeholders that do not match, boxes that cannot be rewritten, or have no name or
            no image.
    """
    parts = record_parts(row)
    texts = [text for _, text in parts.turns]
    marks = [mark for text in texts for mark in find_placeholders(text)]
    if marks.count(REF_PLACEHOLDER) != len(parts.labels) or marks.count(BOX_PLACEHOLDER) != len(parts.boxes):
        raise UnusableQueryError(RECORD_UNMATCHED)
    images = row.get("images")
    if sum(text.count(IMAGE_PLACEHOLDER) for text in texts) != (
        len(images) if isinstance(images, list) else 1
    ):
        raise UnusableQueryError(RECORD_IMAGE_UNMATCHED)
    labels = [_label(value) for value in parts.labels]
    names = iter(pair_names(parts.turns))
    boxes = iter(record_boxes(parts))
    found: list[tuple[Any, str, int]] = []
    question = ""
    turns = zip(parts.turns, parts.pictures(units), shown_images(parts.turns), strict=True)
    for (role, text), pictures, shown in turns:
        own = [(next(boxes), next(names), picture) for picture in pictures]
        if role == QUESTION:
            question = text
        if role != ANSWER:
            if role == QUESTION:
                find_text_boxes(text, is_question=True, on_grid=units == "grid", about_several=shown > 1)
            continue
        if not headings and needs_headings(text, shown, pictures):
            raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
        places = [(box, None if name is None else labels[name], picture) for box, name, picture in own]
        places += _boxes_in(text, units, shown)
        found += [(box, label or _asked_name(question, text), picture) for box, label, picture in places]
    return RawObjects(
        [box for box, _, _ in found],
        [label for _, label, _ in found],
        [None] * len(found),
        pictures=[picture for _, _, picture in found] if isinstance(images, list) and len(images) > 1 else (),
    )


def record_boxes(parts: RecordParts) -> list[Any]:
    """Return the boxes of `objects`, with the units that the record states."""
    boxes = [read_numbers(box) for box in parts.boxes]
    return boxes if parts.units is None else [StatedBox(box, None, parts.units) for box in boxes]


def _boxes_in(text: str, units: str, shown: int) -> list[tuple[Any, str | None, int]]:
    """Return the boxes that an answer spells itself, with their labels and images."""
    if rows := json_objects(text):
        pictures = pictures_of_rows(rows, shown)
        return [
            (read_numbers(row[first_key(row, ROW_KEYS)]), _label_of(row), picture)
            for row, picture in zip(rows, pictures, strict=True)
        ]
    stated, _ = find_text_boxes(text, on_grid=units == "grid", about_several=shown > 1)
    pictures = pictures_of_text(stated, shown)
    return [
        (stated_box(box), _name_of(box, text), picture) for box, picture in zip(stated, pictures, strict=True)
    ]


def _name_of(box: WrittenBox, text: str) -> str | None:
    """Return the label of a box; what stands before it in running text may be a part of a sentence."""
    start, end = box.label_span
    is_marked = text[start - 1 : start] in ('"', "'", "“", ">") or text[end : end + 1] in ('"', "'", "”", "<")
    return box.label if is_marked or not box.label else plain_name_before(box.label)


def _asked_name(question: str, answer: str) -> str:
    """Return what a question asks for, as the name of the boxes of an answer that names nothing else."""
    name = name_in_question(question)
    if name is None or not says_only(_MARKUP.sub(" ", answer), name):
        raise UnusableQueryError(RECORD_UNNAMED)
    return name


def record_parts(row: dict[str, Any]) -> RecordParts:
    """Return the parts of a record.

    Raises:
        RecordFormatError: `messages` or `objects` have another format.
    """
    messages, objects = row.get("messages"), row.get("objects") or {}
    try:
        turns = [(message["role"], message["content"]) for message in messages or ()]
        labels, boxes = (_list(objects.get(key)) for key in ("ref", "bbox"))
        kind, image_ids = objects.get("bbox_type"), objects.get(IMAGE_ID_KEY)
    except (TypeError, KeyError, AttributeError) as error:
        raise RecordFormatError("messages need role and content, objects ref and bbox") from error
    if not turns or not all(isinstance(text, str) for pair in turns for text in pair):
        raise RecordFormatError("messages are needed, with role, and content as a text")
    return RecordParts(turns, labels, boxes, _units(kind), image_ids)


def _units(kind: Any) -> str | None:
    if kind is None:
        return None
    if not isinstance(kind, str) or kind not in UNITS_OF_TYPE:
        raise RecordFormatError(f"objects.bbox_type {str(kind)[:40]!r}: there are {', '.join(UNITS_OF_TYPE)}")
    return UNITS_OF_TYPE[kind]


def _list(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise TypeError
    return list(value or ())


def _label(value: Any) -> str:
    """Return a label; training takes no record with one that is not a text."""
    if not isinstance(value, str):
        raise UnusableQueryError(RECORD_FLAWED)
    return value


def _label_of(row: dict[str, Any]) -> str | None:
    key = first_key(row, LABEL_KEYS)
    return _label(row[key]) if key else None


def labels_of(objects: RawObjects, longest: int) -> Sequence[str]:
    """Return the labels of objects that are not too long."""
    return [label for label in objects.labels if label and len(label) <= longest]
