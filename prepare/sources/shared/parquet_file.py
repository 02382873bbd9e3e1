"""Parquet files of annotated images: opened, checked, and read in small batches."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from grounding.errors import UserError
from prepare.reasons import ROWS_DAMAGED
from prepare.source_types import Lost
from prepare.sources.shared.file_patterns import first_line

ANNOTATION_COLUMNS = ("image_id", "width", "height", "objects")
IMAGE_COLUMN = "image"
STRUCT_FIELDS = {"image": ("bytes",), "objects": ("category", "bbox", "area")}

READ_BUFFER = 1 << 20
"""Bytes. With a buffer, pages are streamed; without, a whole column of a row group is held in memory."""


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
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a whole parquet file ({first_line(error)}): fetch it again") from error
    schema = file.schema_arrow
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
    if not pa.types.is_integer(schema.field("image_id").type):
        raise UserError(f"{path}: column image_id holds {schema.field('image_id').type}, not whole numbers")
    return file


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
    try:
        for batch in file.iter_batches(
            batch_size=batch_size, row_groups=[index], columns=list(columns), use_threads=False
        ):
            yield row, batch
            row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        where = f"{path}, rows {row} to {stop - 1} ({first_line(error)})"
        yield Lost(ROWS_DAMAGED, stop - row, where)


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
