"""Records of trainers: messages, images and objects, or conversations, a line or an item of an array each.

They keep their conversation; `prepare.questions.conversations` converts their boxes to the 0..1000 grid. The
recipe, or `objects.bbox_type` of a record, states the units of the boxes; they are never guessed from the
numbers.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from grounding.categories import Category, number_categories
from grounding.errors import UserError
from grounding.markup import find_markup
from prepare.reasons import (
    RECORD_LABEL_TOO_LONG,
    RECORD_WITHOUT_IMAGE,
    UnusableImageError,
    UnusableQueryError,
)
from prepare.source_types import BoxFormat, Query, RawObjects
from prepare.sources.record_parts.canonical_row import as_messages
from prepare.sources.record_parts.record_reader import RecordFormatError, labels_of, read_record, record_parts
from prepare.sources.shared.identity import derived_id
from prepare.sources.shared.jsonl import Rows, open_jsonl
from prepare.sources.shared.listed import ListedImage, ListedSource
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.row_files import row_signs
from prepare.sources.signs.sign import Sign
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xyxy", "grid")


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield records for lines or items with messages, conversations, or a question and an answer."""
    yield from row_signs("records", listing, _is_record, "a conversation about images")


def _is_record(row: dict[str, Any]) -> bool:
    plain = as_messages(row)
    return "messages" in plain and bool(plain.get("images"))


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the records.

    Raises:
        UserError: no files, a line without messages, no line with an image, or units of a record that are not
            the recipe's.
    """
    del categories  # labels are taken as they are
    units = source.box_format(USUAL_BOXES).units

    def queries_of(name: str, rows: Rows) -> tuple[Query, ...]:
        return _read_rows(name, rows, source, units)

    def categories_of(items: Sequence[ListedImage]) -> tuple[Category, ...]:
        return _categories(items, source.max_text, units)

    return open_jsonl(source, USUAL_BOXES, _image_of, queries_of, categories_of, as_messages)


def _image_of(row: dict[str, Any]) -> Any:
    """Return the images of a record.

    Raises:
        UnusableImageError: it has none.
    """
    images = row.get("images")
    if images == []:
        raise UnusableImageError(RECORD_WITHOUT_IMAGE)
    return images if isinstance(images, list) else None


def _read_rows(name: str, rows: Rows, source: SourceSettings, units: str) -> tuple[Query, ...]:
    queries = []
    for number, (line, row) in enumerate(rows.lines):
        record_id = derived_id(f"{name}\n{number}") if len(rows.lines) > 1 else None
        try:
            stated = record_parts(row).units
            if source.units is not None and stated not in (None, source.units):
                raise RecordFormatError(
                    f"objects.bbox_type says that boxes are {stated}, and source.units={source.units}: leave "
                    "source.units out, or mend the record"
                )
            objects = read_record(row, units, headings=source.headings)
            is_long = any(len(label) > source.max_text for label in objects.labels if label)
            fault = RECORD_LABEL_TOO_LONG if is_long else None
            query = Query(objects, record=row, fault=fault, record_id=record_id)
        except UnusableQueryError as error:
            query = Query(RawObjects(), record=row, fault=error.reason, record_id=record_id)
        except RecordFormatError as error:
            raise UserError(f"{rows.where(line)}: {error}") from error
        queries.append(query)
    return tuple(queries)


def _categories(items: Sequence[ListedImage], longest: int, units: str) -> tuple[Category, ...]:
    """Return the names that answers give to boxes, without those that leave out their records."""
    names: set[str] = set()
    for item in items:
        for _, row in item.data.lines:
            try:
                names.update(labels_of(read_record(row, units), longest))
            except (RecordFormatError, UnusableQueryError):
                continue  # reading the rows has refused or counted it
    return number_categories(sorted(name for name in names if not find_markup(name)))
