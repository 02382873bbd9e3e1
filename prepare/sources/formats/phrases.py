"""Referring expressions: a JSONL of {"image", "expression", "bbox"}, with bbox null if nothing matches.

`bbox` is one box, or a list of boxes if several objects match. Optional keys: `width`, `height`, and
`category`, the kind of thing that the expression means.
"""

from collections.abc import Sequence
from typing import Any

from grounding.categories import Category, number_categories
from grounding.errors import UserError
from prepare.source_types import BoxFormat, Query
from prepare.sources.parts.expression_query import ANYTHING, LabelledBox, query_of_expression
from prepare.sources.shared.jsonl import Rows, open_jsonl
from prepare.sources.shared.listed import ListedImage, ListedSource
from prepare.sources.shared.source_values import BadValueError, brief_value, read_label, read_numbers
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xyxy", "pixels")


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the expressions; lines with the same image and expression become one, with all of their boxes.

    Raises:
        UserError: no files, or a line without image, expression or bbox.
    """
    usual = categories[0].name if categories else ANYTHING

    def queries_of(name: str, rows: Rows) -> tuple[Query, ...]:
        return _read_rows(name, rows, usual, source.max_text)

    return open_jsonl(source, USUAL_BOXES, lambda row: row.get("image"), queries_of, _categories)


def _read_rows(name: str, rows: Rows, usual: str, longest: int) -> tuple[Query, ...]:
    found: dict[str, list[LabelledBox]] = {}
    for line, row in rows.lines:
        where = rows.where(line)
        expression = row.get("expression")
        if not isinstance(expression, str) or not expression.strip():
            raise UserError(f"{where}: no expression: a text is needed")
        if "bbox" not in row:
            raise UserError(f"{where}: no bbox: write null where nothing in the image matches")
        boxes = found.setdefault(" ".join(expression.split()), [])
        try:
            label = read_label(row.get("category") or usual, "category", longest)
        except BadValueError as error:
            raise UserError(f"{where}: {error}") from error
        for box in _boxes_of(row["bbox"], where):
            if (box, label) not in boxes:
                boxes.append((box, label))
    return tuple(query_of_expression(name, expression, boxes, longest) for expression, boxes in found.items())


def _boxes_of(value: Any, where: str) -> list[tuple[float, ...]]:
    if value is None:
        return []
    if not isinstance(value, list) or not value:
        raise UserError(f"{where}: bbox {brief_value(value)}: four numbers, a list of such boxes, or null")
    return [read_numbers(box) for box in (value if isinstance(value[0], list) else [value])]


def _categories(items: Sequence[ListedImage]) -> tuple[Category, ...]:
    """Return the categories that the lines name, and the default one if a line names none."""
    names = {str(row.get("category") or ANYTHING) for item in items for _, row in item.data.lines}
    return number_categories(sorted(names))
