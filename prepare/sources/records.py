"""Records in the trainer's own form: a JSONL of messages, images and objects.

They keep their conversation; `prepare.questions.conversations` rewrites their boxes onto the 0..1000 grid.
The recipe says their order and units; nothing in the numbers is taken for a hint.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from grounding.categories import Category, number_categories
from grounding.errors import UserError
from grounding.markup import find_markup
from prepare.questions.conversations import read_record
from prepare.sources.shared.identity import derived_id
from prepare.sources.shared.jsonl import Rows, open_jsonl
from prepare.sources.shared.listed import Item, ListedSource
from prepare.sources.source import Query

if TYPE_CHECKING:
    from prepare.recipe import Source


def open_records(source: "Source") -> ListedSource:
    """Read the records.

    Raises:
        UserError: no files, or a line without messages or without exactly one image.
    """
    return open_jsonl(source, _image_of, _read_rows, _categories)


def _image_of(row: dict[str, Any]) -> Any:
    images = row.get("images")
    return images[0] if isinstance(images, list) and len(images) == 1 else None


def _read_rows(name: str, rows: Rows) -> tuple[Query, ...]:
    queries = []
    for number, (line, row) in enumerate(rows.lines):
        try:
            query = read_record(row)
        except ValueError as error:
            raise UserError(f"{rows.file}, line {line}: {error}") from error
        record_id = derived_id(f"{name}\n{number}") if len(rows.lines) > 1 else None
        queries.append(Query(query.objects, record=row, fault=query.fault, record_id=record_id))
    return tuple(queries)


def _categories(items: Sequence[Item]) -> tuple[Category, ...]:
    """Return the names that answers give to boxes."""
    names: set[str] = set()
    for item in items:
        for _, row in item.data.lines:
            try:
                names |= {label for label in read_record(row).objects.labels if label}
            except ValueError:
                continue  # reading the rows has refused it
    return number_categories(sorted(name for name in names if not find_markup(name)))
