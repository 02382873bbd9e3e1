"""Parquet files in the layout of the hub's data set detection-datasets/coco.

A row an image: its bytes, and objects with category by index and bbox as absolute xyxy.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from prepare.sources.shared.file_patterns import find_splits, first_line, source_folder
from prepare.sources.source import (
    ROWS_DAMAGED,
    Annotation,
    BoxFormat,
    ImageData,
    Lost,
    Place,
    Query,
    RawObjects,
)

if TYPE_CHECKING:
    from prepare.recipe import Source

TRAIN_FILES, VAL_FILES = "**/train-*.parquet", "**/val-*.parquet"
ANNOTATION_COLUMNS = ("image_id", "width", "height", "objects")
IMAGE_COLUMN = "image"
STRUCT_FIELDS = {"image": ("bytes",), "objects": ("category", "bbox", "area")}

READ_BUFFER = 1 << 20
"""Bytes. With a buffer, pages are streamed; without, a whole column of a row group is held in memory."""

ANNOTATIONS_AT_ONCE = 512
IMAGES_AT_ONCE = 16
"""A photograph is about 0.2 MB, so this bounds the memory whatever the size of the row groups."""

IMAGE_WITHOUT_ID = "image has no id"
IMAGE_WITHOUT_SIZE = "image has no width and height"


@dataclass(frozen=True)
class CocoParquet:
    """The files of each split; `names` are the categories by index."""

    folder: Path
    files: dict[str, tuple[Path, ...]]
    box_format: BoxFormat
    names: tuple[str, ...]
    own_categories: tuple[Category, ...] | None = None

    def fingerprint(self) -> str:
        """Return a hash of each file's split, name, size and footer.

        The footer lists the compressed sizes and the statistics of every column: reading all image bytes
        would take minutes.

        Raises:
            UserError: a file that is not whole, or cannot be read.
        """
        digest = hashlib.blake2b(digest_size=16)
        for split, paths in self.files.items():
            for path in paths:
                size, footer = _read_footer(path)
                digest.update(f"{split}/{path.name}:{size}:".encode() + footer)
        return digest.hexdigest()

    def count(self, split: str) -> int:
        """Return the number of rows."""
        return sum(open_parquet(path).metadata.num_rows for path in self.files[split])

    def scan(self, split: str) -> Iterator[Annotation | Lost]:
        """Yield the annotations, row group by row group; one that cannot be read is lost alone.

        Raises:
            UserError: a file that cannot be opened, or has other columns.
        """
        for path in self.files[split]:
            file = open_parquet(path)
            for index, start in _row_groups(file):
                for batch in _read(file, path, ANNOTATION_COLUMNS, ANNOTATIONS_AT_ONCE, index, start):
                    if isinstance(batch, Lost):
                        yield batch
                    else:
                        row, table = batch
                        yield from self._annotations(table, path, row)

    def read(self, places: Sequence[Place]) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        """Yield the wanted rows, file by file; row groups without any are not read."""
        rows: dict[Path, set[int]] = {}
        for path, row in places:
            rows.setdefault(path, set()).add(row)
        for path in sorted(rows):
            yield from self._read_file(path, rows[path])

    def _read_file(self, path: Path, wanted: set[int]) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        file = open_parquet(path)
        columns = (*ANNOTATION_COLUMNS, IMAGE_COLUMN)
        for index, start in _row_groups(file):
            stop = start + file.metadata.row_group(index).num_rows
            left = {row for row in wanted if start <= row < stop}
            if not left:
                continue
            for batch in _read(file, path, columns, IMAGES_AT_ONCE, index, start):
                if isinstance(batch, Lost):
                    yield Lost(batch.reason, len(left), batch.where)
                    break
                first, table = batch
                rows = left & set(range(first, first + table.num_rows))
                left -= rows
                annotations = self._annotations(table, path, first) if rows else ()
                images = table.column(IMAGE_COLUMN).field("bytes")
                chosen = [
                    (annotation, _view(images[row - first]))
                    for row, annotation in enumerate(annotations, start=first)
                    if row in rows and isinstance(annotation, Annotation)
                ]
                if chosen:
                    yield chosen
                if not left:
                    break  # the rest of the row group is not needed

    def _annotations(self, table: Any, path: Path, first: int) -> Iterator[Annotation | Lost]:
        columns = [table.column(name).to_pylist() for name in ANNOTATION_COLUMNS]
        for row, (image_id, width, height, objects) in enumerate(zip(*columns, strict=True), start=first):
            where = f"{path}, row {row}"
            if image_id is None or image_id < 0:
                yield Lost(IMAGE_WITHOUT_ID, 1, where)
            elif not width or not height or width < 0 or height < 0:
                yield Lost(IMAGE_WITHOUT_SIZE, 1, where)
            else:
                lists = objects or {}
                indices = lists.get("category") or ()
                raw = RawObjects(
                    lists.get("bbox") or (),
                    [self._name(index) for index in indices],
                    lists.get("area") or (),
                )
                yield Annotation(
                    image_id, str(image_id), Size(width, height), (Query(raw),), (path, row), where
                )

    def _name(self, index: int | None) -> str | None:
        return self.names[index] if index is not None and 0 <= index < len(self.names) else None


def open_coco_parquet(source: "Source", categories: Sequence[Category]) -> CocoParquet:
    """Find the files, downloaded where they are on a hub, in the order of their names.

    Raises:
        UserError: no folder, no training files, files missing of a numbered set, or no hub.
    """
    if not categories:
        raise UserError("categories: parquet files hold numbers alone: list the names in their order")
    train, val = source.train_files or TRAIN_FILES, source.val_files or VAL_FILES
    folder = source_folder(source, (train, val))
    names = tuple(category.name for category in categories)
    return CocoParquet(folder, find_splits(folder, train, val), source.box_format, names)


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


def _view(value: Any) -> ImageData:
    """Return a binary value without a copy; it keeps the batch in memory."""
    buffer = value.as_buffer()
    return None if buffer is None else memoryview(buffer).cast("B")


def _row_groups(file: pq.ParquetFile) -> Iterator[tuple[int, int]]:
    """Yield number and first row of every row group."""
    start = 0
    for index in range(file.num_row_groups):
        yield index, start
        start += file.metadata.row_group(index).num_rows


def _read(
    file: pq.ParquetFile, path: Path, columns: Sequence[str], batch_size: int, index: int, start: int
) -> Iterator[tuple[int, Any] | Lost]:
    """Yield a row group as batches with the number of their first row; what cannot be read is lost."""
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


def _read_footer(path: Path) -> tuple[int, bytes]:
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
