"""Parquet files of annotated images: opened, checked, and read in small batches."""

import os
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from grounding.errors import UserError
from prepare.reasons import ROWS_DAMAGED
from prepare.source_types import Lost
from prepare.sources.shared.file_patterns import first_line

ANNOTATION_COLUMNS = ("image_id", "width", "height", "objects")
IMAGE_COLUMN = "image"
STRUCT_FIELDS = {"image": ("bytes",), "objects": ("category", "bbox", "area")}


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def is_list(kind: Any) -> bool:
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(known(kind) for known in lists) and fits(kind.value_type)

    return is_list


COLUMN_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "image_id": (pa.types.is_integer, "whole numbers"),
    "width": (_is_number, "numbers"),
    "height": (_is_number, "numbers"),
    "objects.category": (_is_list_of(pa.types.is_integer), "lists of whole numbers"),
    "objects.bbox": (_is_list_of(_is_list_of(_is_number)), "lists of lists of numbers"),
    "objects.area": (_is_list_of(_is_number), "lists of numbers"),
    "image.bytes": (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), "bytes"),
}
"""The schema of the format: what each column has to hold; any of it can be null."""

READ_BUFFER = 1 << 20
"""Bytes. With a buffer, pages are streamed; without, a whole column of a row group is held in memory."""

MOST_MEMORY = 1 << 31
"""Bytes that reading a batch may take, 2 GiB: 16 photographs take some MB. Dictionaries, run lengths and
compression let a file of some KB stand for more than any machine has, whatever its footer says."""

LARGEST_ROW = 1 << 26
"""Bytes of a row's annotations, 64 MiB: a million boxes. As Python's objects they take five times as many."""


class LargeRowError(ValueError):
    """A row has more annotations than `LARGEST_ROW`."""


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a parquet file in the layout of detection-datasets/coco.

    Raises:
        UserError: not a whole parquet file, or columns are missing.
    """
    try:
        # No pre-buffering: it would read all columns of a row group, images included, at once.
        file = pq.ParquetFile(
            path, buffer_size=READ_BUFFER, pre_buffer=False, page_checksum_verification=True
        )
        schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a whole parquet file ({first_line(error)}): fetch it again") from error
    missing = [name for name in (*ANNOTATION_COLUMNS, IMAGE_COLUMN) if name not in schema.names]
    for name, fields in STRUCT_FIELDS.items():
        if name not in missing:
            kind = schema.field(name).type
            known = [kind.field(i).name for i in range(kind.num_fields)] if pa.types.is_struct(kind) else []
            missing += [f"{name}.{field}" for field in fields if field not in known]
    if missing:
        raise UserError(
            f"{path}: no column {', '.join(missing)}: expected are the columns of detection-datasets/coco, "
            f"there are {', '.join(schema.names)}"
        )
    for name, (fits, needed) in COLUMN_TYPES.items():
        kind = _type_of(schema, name)
        if not fits(kind):
            raise UserError(f"{path}: column {name} holds {kind}, not {needed}")
    return file


def _type_of(schema: Any, name: str) -> Any:
    """Return the type of a column, or of a field of one (`objects.area`)."""
    column, _, field = name.partition(".")
    kind = schema.field(column).type
    return kind.field(kind.get_field_index(field)).type if field else kind


def row_groups(file: pq.ParquetFile) -> Iterator[tuple[int, int]]:
    """Yield number and first row of every row group."""
    start = 0
    for index in range(file.num_row_groups):
        yield index, start
        start += file.metadata.row_group(index).num_rows


def read_rows(
    file: pq.ParquetFile, path: Path, columns: Sequence[str], batch_size: int, index: int, start: int
) -> Iterator[tuple[int, Any] | Lost]:
    """Yield a row group in batches, each with the number of its first row.

    Rows that cannot be read are reported as `Lost`; the rest of the row group is lost with them.
    """
    row, stop = start, start + file.metadata.row_group(index).num_rows
    batches = file.iter_batches(
        batch_size=batch_size, row_groups=[index], columns=list(columns), use_threads=False
    )
    try:
        while (batch := _next_batch(batches)) is not None:
            for part in _parts(batch):
                yield row, part
                row += part.num_rows
    except MemoryError:
        reason = f"they need more than {MOST_MEMORY:,} bytes of memory"
        yield Lost(ROWS_DAMAGED, stop - row, f"{path}, rows {row} to {stop - 1} ({reason})")
    except (pa.ArrowException, OSError, LargeRowError) as error:
        where = f"{path}, rows {row} to {stop - 1} ({first_line(error)})"
        yield Lost(ROWS_DAMAGED, stop - row, where)


def _next_batch(batches: Iterator[Any]) -> Any:
    """Return the next batch, or None.

    Raises:
        MemoryError: it needs more than `MOST_MEMORY`.
    """
    with _memory_bound(MOST_MEMORY):
        return next(batches, None)


@contextmanager
def _memory_bound(more: int) -> Iterator[None]:
    """Let this process take at most so many more bytes of memory within the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = psutil.Process().memory_info().vms + more
    lower = min(limit for limit in (soft, bound) if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_AS, (lower, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _parts(batch: Any) -> Iterator[Any]:
    """Yield a batch, or each of its rows if it is large.

    Raises:
        LargeRowError: a row has more annotations than `LARGEST_ROW`.
    """
    if _annotation_bytes(batch) <= LARGEST_ROW:
        yield batch
        return
    for row in range(batch.num_rows):
        part = batch.slice(row, 1)
        if (size := _annotation_bytes(part)) > LARGEST_ROW:
            raise LargeRowError(
                f"a row has {size:,} bytes of annotations, and at most {LARGEST_ROW:,} are read"
            )
        yield part


def _annotation_bytes(batch: Any) -> int:
    return int(batch.select(list(ANNOTATION_COLUMNS)).nbytes)


def read_footer(path: Path) -> tuple[int, bytes]:
    """Return a parquet file's size and footer.

    Source: the Parquet format, a file ends with the footer, its length (4 bytes) and the letters PAR1.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            end = file.read()
            if end[4:] != b"PAR1":
                raise UserError(f"{path}: not a whole parquet file (its end is missing): fetch it again")
            file.seek(max(0, size - 8 - int.from_bytes(end[:4], "little")))
            return size, file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
