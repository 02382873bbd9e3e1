"""What parquet files of annotated images say of names: those of the labels, and those of the images."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from prepare.source_types import Lost
from prepare.sources.parts.parquet_layout import ParquetLayout
from prepare.sources.shared.identity import plain_name
from prepare.sources.shared.parquet_file import open_parquet, read_rows, row_groups

ROWS_AT_ONCE = 512


def read_columns(
    path: Path, layout: ParquetLayout, columns: Sequence[str]
) -> Iterator[tuple[int, Any] | Lost]:
    """Yield some columns of a file in batches, each with the number of its first row, and what is lost.

    Raises:
        UserError: a file that cannot be opened.
    """
    file = open_parquet(path)
    for index, start in row_groups(file):
        yield from read_rows(file, path, columns, ROWS_AT_ONCE, index, start, layout.image)


def stated_names(layouts: Mapping[Path, ParquetLayout]) -> tuple[str, ...]:
    """Return the names of the labels that the files state.

    Raises:
        UserError: two files state other names.
    """
    found: dict[tuple[str, ...], Path] = {}
    for path, layout in layouts.items():
        if layout.names:
            found.setdefault(layout.names, path)
    if len(found) > 1:
        one, other = list(found.values())[:2]
        raise UserError(f"{one} and {other} name their labels in two ways: prepare them one by one")
    return next(iter(found), ())


def written_labels(layouts: Mapping[Path, ParquetLayout]) -> list[str]:
    """Return the labels that the files write as texts.

    Raises:
        UserError: they are only numbers.
    """
    names: set[str] = set()
    for path, layout in layouts.items():
        column = layout.objects or layout.label
        for batch in read_columns(path, layout, [column]):
            if not isinstance(batch, Lost):
                keys = [name for name in (layout.box, layout.area, layout.crowd) if name]
                for value in batch[1].column(column).to_pylist():
                    row = {column: value} | ({} if layout.objects else dict.fromkeys(keys))
                    names |= {name for name in layout.objects_of(row)[layout.label] if isinstance(name, str)}
    if not names:
        raise UserError(
            "categories: parquet files hold only numbers: list the names in their order, "
            "categories=[NAME,NAME], or set categories=coco for the 80 of COCO"
        )
    return sorted(name for name in {name.strip() for name in names} if name)


def has_distinct_paths(layouts: Mapping[Path, ParquetLayout]) -> bool:
    """Tell whether the images without ids have paths, each another one."""
    seen: set[str] = set()
    count = 0
    for path, layout in layouts.items():
        if layout.image_id:
            continue
        if not layout.has_paths:
            return False
        for batch in read_columns(path, layout, [f"{layout.image}.path"]):
            if not isinstance(batch, Lost):
                paths = [plain_name(name) for name in layout.paths_of(batch[1]) if name]
                seen.update(paths)
                count += batch[1].num_rows
    return len(seen) == count
