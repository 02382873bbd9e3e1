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
from prepare.sources.shared.memory_bound import memory_bound

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
    """Open a parquet file.

    Raises:
        UserError: not a whole parquet file.
    """
    try:
        # No pre-buffering: it would read all columns of a row group, images included, at once.
        file = pq.ParquetFile(
            path, buffer_size=READ_BUFFER, pre_buffer=False, page_checksum_verification=True
        )
        _ = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a whole parquet file ({first_line(error)}): fetch it again") from error
    return file


def row_groups(file: pq.ParquetFile) -> Iterator[tuple[int, int]]:
    """Yield number and first row of every row group."""
    start = 0
    for index in range(file.num_row_groups):
        yield index, start
        start += file.metadata.row_group(index).num_rows


def read_rows(
    file: pq.ParquetFile,
    path: Path,
    columns: Sequence[str],
    batch_size: int,
    index: int,
    start: int,
    image: str,
) -> Iterator[tuple[int, Any] | Lost]:
    """Yield a row group in batches, each with the number of its first row; `image` is the images' column.

    Rows that cannot be read are reported as `Lost`; the rest of the row group is lost with them.
    """
    row, stop = start, start + file.metadata.row_group(index).num_rows
    batches = file.iter_batches(
        batch_size=batch_size, row_groups=[index], columns=list(columns), use_threads=False
    )
    try:
        while (batch := _next_batch(batches)) is not None:
            for part in _parts(batch, image):
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
    with memory_bound(MOST_MEMORY):
        return next(batches, None)


def _parts(batch: Any, image: str) -> Iterator[Any]:
    """Yield a batch, or each of its rows if it is large.

    Raises:
        LargeRowError: a row has more annotations than `LARGEST_ROW`.
    """
    if _annotation_bytes(batch, image) <= LARGEST_ROW:
        yield batch
        return
    for row in range(batch.num_rows):
        part = batch.slice(row, 1)
        if (size := _annotation_bytes(part, image)) > LARGEST_ROW:
            raise LargeRowError(
                f"a row has {size:,} bytes of annotations, and at most {LARGEST_ROW:,} are read"
            )
        yield part


def _annotation_bytes(batch: Any, image: str) -> int:
    return int(batch.select([name for name in batch.schema.names if name != image]).nbytes)


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
