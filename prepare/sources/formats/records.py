"""Records of trainers: messages, images and objects, or conversations, a line or an item of an array each.

They keep their conversation; `prepare.questions.conversations` converts their boxes to the 0..1000 grid. The
recipe, or `objects.bbox_type` of a record, states the units of the boxes; they are never guessed from the
numbers.
"""

from collections.abc import Sequence
from typing import Any

from grounding.categories import Category, number_categories
from grounding.errors import UserError
from grounding.markup import find_markup
from prepare.reasons import (
    RECORD_LABEL_TOO_LONG,
    RECORD_SEVERAL_IMAGES,
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
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xyxy", "grid")


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the records.

    Raises:
        UserError: no files, a line without messages, no line with exactly one image, or units of a record
            that are not the recipe's.
    """
    del categories  # labels are taken as they are
    units = source.box_format(USUAL_BOXES).units

    def queries_of(name: str, rows: Rows) -> tuple[Query, ...]:
        return _read_rows(name, rows, source, units)

    def categories_of(items: Sequence[ListedImage]) -> tuple[Category, ...]:
        return _categories(items, source.max_text, units)

    return open_jsonl(source, USUAL_BOXES, _image_of, queries_of, categories_of, as_messages)


def _image_of(row: dict[str, Any]) -> Any:
    """Return the image of a record.

    Raises:
        UnusableImageError: it has none, or several.
    """
    images = row.get("images")
    if not isinstance(images, list) or len(images) == 1:
        return images[0] if isinstance(images, list) else None
    raise UnusableImageError(RECORD_SEVERAL_IMAGES if images else RECORD_WITHOUT_IMAGE)


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
            objects = read_record(row, units)
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
