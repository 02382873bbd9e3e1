"""Records in the trainer's own format: a JSONL of messages, images and objects.

They keep their conversation; `prepare.questions.conversations` converts their boxes to the 0..1000 grid. The
recipe states the order and units of the boxes; they are never guessed from the numbers.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from grounding.answers.forms import BOX_KEYS, LABEL_KEYS
from grounding.categories import Category, number_categories
from grounding.errors import UserError
from grounding.markup import BOX_PLACEHOLDER, IMAGE_PLACEHOLDER, REF_PLACEHOLDER, find_markup
from prepare.reasons import (
    RECORD_FLAWED,
    RECORD_IMAGE_UNMATCHED,
    RECORD_LABEL_TOO_LONG,
    RECORD_UNMATCHED,
    UnusableQueryError,
)
from prepare.source_types import BoxFormat, Query, RawObjects
from prepare.sources.shared.identity import derived_id
from prepare.sources.shared.jsonl import Rows, open_jsonl
from prepare.sources.shared.listed import ListedImage, ListedSource
from prepare.sources.shared.record_text import (
    find_placeholders,
    first_key,
    json_objects,
)
from prepare.sources.shared.source_values import read_numbers
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.row_files import row_signs
from prepare.sources.signs.sign import Sign
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xyxy", "grid")

CONVERSATION_KEYS = (
    *({"messages"}, {"conversations"}),
    *({"query", "response"}, {"instruction", "output"}),
)
"""What holds the conversation in the rows of different trainers."""


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield records for lines or items with messages, conversations, or a question and an answer."""
    yield from row_signs("records", listing, _is_record, "a conversation about images")


def _is_record(row: dict[str, Any]) -> bool:
    is_conversation = any(keys <= row.keys() for keys in CONVERSATION_KEYS)
    return is_conversation and ("image" in row or "images" in row)


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the records.

    Raises:
        UserError: no files, or a line without messages or without exactly one image.
    """
    del categories  # labels are taken as they are

    def queries_of(name: str, rows: Rows) -> tuple[Query, ...]:
        return _read_rows(name, rows, source.max_text)

    def categories_of(items: Sequence[ListedImage]) -> tuple[Category, ...]:
        return _categories(items, source.max_text)

    return open_jsonl(source, USUAL_BOXES, _image_of, queries_of, categories_of)


def _image_of(row: dict[str, Any]) -> Any:
    images = row.get("images")
    return images[0] if isinstance(images, list) and len(images) == 1 else None


def _read_rows(name: str, rows: Rows, longest: int) -> tuple[Query, ...]:
    queries = []
    for number, (line, row) in enumerate(rows.lines):
        record_id = derived_id(f"{name}\n{number}") if len(rows.lines) > 1 else None
        try:
            objects = read_record(row)
            is_long = any(len(label) > longest for label in objects.labels if label)
            fault = RECORD_LABEL_TOO_LONG if is_long else None
            query = Query(objects, record=row, fault=fault, record_id=record_id)
        except UnusableQueryError as error:
            query = Query(RawObjects(), record=row, fault=error.reason, record_id=record_id)
        except ValueError as error:
            raise UserError(f"{rows.file}, line {line}: {error}") from error
        queries.append(query)
    return tuple(queries)


def read_record(row: dict[str, Any]) -> RawObjects:
    """Return the objects of a record's answers, boxes as they are written there.

    A box of `objects` belongs to the last name before its placeholder; boxes in user messages belong to no
    answer. An answer without placeholders is read as JSON, fenced or not.

    Raises:
        ValueError: `messages` or `objects` have another format.
        UnusableQueryError: placeholders that do not match, or boxes that cannot be rewritten.
    """
    texts, labels, boxes = _parts_of(row)
    marks = [mark for _, text in texts for mark in find_placeholders(text)]
    if marks.count(REF_PLACEHOLDER) != len(labels) or marks.count(BOX_PLACEHOLDER) != len(boxes):
        raise UnusableQueryError(RECORD_UNMATCHED)
    if sum(text.count(IMAGE_PLACEHOLDER) for _, text in texts) != 1:
        raise UnusableQueryError(RECORD_IMAGE_UNMATCHED)
    found: list[tuple[Any, str | None]] = []
    label: str | None = None
    for role, text in texts:
        marks = find_placeholders(text)
        for mark in marks:
            if mark == REF_PLACEHOLDER:
                label = _label(labels.pop(0))
            elif role == "assistant":
                found.append((boxes.pop(0), label))
            else:
                boxes.pop(0)
        if role == "assistant" and not marks:
            found += [(item[first_key(item, BOX_KEYS)], _label_of(item)) for item in json_objects(text)]
    numbers = [read_numbers(box) for box, _ in found]
    return RawObjects(numbers, [name for _, name in found], [None] * len(found))


def _parts_of(row: dict[str, Any]) -> tuple[list[tuple[str, str]], list[Any], list[Any]]:
    """Return role and text of each message, and the labels and boxes of `objects`."""
    messages, objects = row.get("messages"), row.get("objects") or {}
    try:
        texts = [(message["role"], message["content"]) for message in messages or ()]
        labels, boxes = (_list(objects.get(key)) for key in ("ref", "bbox"))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("messages need role and content, objects ref and bbox") from error
    if not texts or not all(isinstance(text, str) for pair in texts for text in pair):
        raise ValueError("messages are needed, with role, and content as a text")
    return texts, labels, boxes


def _list(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise TypeError
    return list(value or ())


def _label(value: Any) -> str:
    """Return a label; training takes no record with one that is not a text."""
    if not isinstance(value, str):
        raise UnusableQueryError(RECORD_FLAWED)
    return value


def _label_of(item: dict[str, Any]) -> str | None:
    key = first_key(item, LABEL_KEYS)
    return _label(item[key]) if key else None


def _categories(items: Sequence[ListedImage], longest: int) -> tuple[Category, ...]:
    """Return the names that answers give to boxes, without those that leave out their records."""
    names: set[str] = set()
    for item in items:
        for _, row in item.data.lines:
            try:
                names |= {label for label in read_record(row).labels if label and len(label) <= longest}
            except (ValueError, UnusableQueryError):
                continue  # reading the rows has refused or counted it
    return number_categories(sorted(name for name in names if not find_markup(name)))
