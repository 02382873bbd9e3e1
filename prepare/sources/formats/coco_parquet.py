"""Parquet files in the layout of the hub's data set detection-datasets/coco.

One row per image: its bytes, and objects with the category by index and bbox as absolute xyxy.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from grounding.annotations import LARGEST_SIDE
from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from prepare.reasons import IMAGE_WITHOUT_ID, IMAGE_WITHOUT_SIZE
from prepare.source_types import (
    Annotation,
    BoxFormat,
    ImageData,
    Lost,
    Place,
    Query,
    RawObjects,
)
from prepare.sources.shared.file_patterns import find_splits, source_folder
from prepare.sources.shared.parquet_file import (
    ANNOTATION_COLUMNS,
    IMAGE_COLUMN,
    open_parquet,
    read_footer,
    read_rows,
    row_groups,
)
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, count_files, split_signs
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xyxy", "pixels")

TRAIN_FILES, VAL_FILES = "**/train-*.parquet", "**/val-*.parquet"
ANNOTATIONS_AT_ONCE = 512
IMAGES_AT_ONCE = 16
"""A photograph is about 0.2 MB, so this bounds the memory whatever the size of the row groups."""


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
                size, footer = read_footer(path)
                digest.update(f"{split}/{path.name}:{size}:".encode("utf-8", "surrogatepass") + footer)
        return digest.hexdigest()

    def count(self, split: str) -> int:
        """Return the number of rows."""
        return sum(open_parquet(path).metadata.num_rows for path in self.files[split])

    def scan(self, split: str) -> Iterator[Annotation | Lost]:
        """Yield the annotations; a row group that cannot be read is lost, the others are not.

        Raises:
            UserError: a file that cannot be opened, or has other columns.
        """
        for path in self.files[split]:
            file = open_parquet(path)
            for index, start in row_groups(file):
                for batch in read_rows(file, path, ANNOTATION_COLUMNS, ANNOTATIONS_AT_ONCE, index, start):
                    if isinstance(batch, Lost):
                        yield batch
                    else:
                        row, table = batch
                        yield from self._annotations(table, Place(split, path, row))

    def is_outside(self, file: Path) -> bool:
        """Tell whether an image lies outside the folder: the files hold their images."""
        return False

    def read(self, places: Sequence[Place]) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        """Yield the wanted rows, file by file; row groups without any are not read."""
        rows: dict[tuple[Path, str], set[int]] = {}
        for split, path, row in places:
            rows.setdefault((path, split), set()).add(row)
        for path, split in sorted(rows):
            yield from self._read_file(path, split, rows[path, split])

    def _read_file(
        self, path: Path, split: str, wanted: set[int]
    ) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        file = open_parquet(path)
        columns = (*ANNOTATION_COLUMNS, IMAGE_COLUMN)
        for index, start in row_groups(file):
            stop = start + file.metadata.row_group(index).num_rows
            left = {row for row in wanted if start <= row < stop}
            if not left:
                continue
            for batch in read_rows(file, path, columns, IMAGES_AT_ONCE, index, start):
                if isinstance(batch, Lost):
                    yield Lost(batch.reason, len(left), batch.where)
                    break
                first, table = batch
                rows = left & set(range(first, first + table.num_rows))
                left -= rows
                if chosen := self._choose(table, Place(split, path, first), rows):
                    yield chosen
                if not left:
                    break  # the rest of the row group is not needed

    def _choose(self, table: Any, first: Place, rows: set[int]) -> list[tuple[Annotation, ImageData]]:
        """Return the annotations of some rows of a batch, with the bytes of their images."""
        if not rows:
            return []
        images = table.column(IMAGE_COLUMN).field("bytes")
        return [
            (annotation, _view(images[row - first.row]))
            for row, annotation in enumerate(self._annotations(table, first), start=first.row)
            if row in rows and isinstance(annotation, Annotation)
        ]

    def _annotations(self, table: Any, first: Place) -> Iterator[Annotation | Lost]:
        columns = [table.column(name).to_pylist() for name in ANNOTATION_COLUMNS]
        rows = enumerate(zip(*columns, strict=True), start=first.row)
        for row, (image_id, width, height, objects) in rows:
            where = f"{first.file}, row {row}"
            if image_id is None or image_id < 0:
                yield Lost(IMAGE_WITHOUT_ID, 1, where)
            elif not (width and height and 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
                yield Lost(IMAGE_WITHOUT_SIZE, 1, where)
            else:
                place = Place(first.split, first.file, row)
                query = Query(self._objects(objects or {}))
                yield Annotation(image_id, str(image_id), Size(width, height), (query,), place, where)

    def _objects(self, lists: dict[str, Any]) -> RawObjects:
        labels = [self._name(index) for index in lists.get("category") or ()]
        return RawObjects(lists.get("bbox") or (), labels, lists.get("area") or ())

    def _name(self, index: int | None) -> str | None:
        return self.names[index] if index is not None and 0 <= index < len(self.names) else None


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield parquet for columns of images and of objects with boxes, with the names that the files state."""
    found: dict[str, tuple[str, ...]] = {}
    for name in listing.sample(".parquet"):
        columns = _read_columns(listing.folder / name)
        if columns is not None:
            found[name] = columns
    if found:
        evidence = count_files(list(found), "columns with images, and objects with bbox and category")
        keys: dict[str, Any] = {"source.hub": "local"}
        if names := next((names for names in found.values() if names), None):
            keys["categories"] = list(names)
            evidence += f"; the schema names {len(names)} categories"
        yield from split_signs(
            Sign("coco_parquet", evidence, frozenset(found), "", keys), list(found), listing, ".parquet"
        )


def _read_columns(path: Path) -> tuple[str, ...] | None:
    """Return the names of the categories in a schema of images with boxes; None for another schema."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError):
        return None
    if IMAGE_COLUMN not in schema.names or "bbox" not in str(schema):
        return None
    try:
        return _names_in(json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]) or ()
    except (KeyError, TypeError, ValueError):
        return ()


def _names_in(features: Any) -> tuple[str, ...] | None:
    """Return the names of the first ClassLabel in the features of a data set of the hub."""
    if isinstance(features, dict):
        names = features.get("names")
        if features.get("_type") == "ClassLabel" and isinstance(names, list):
            return tuple(map(str, names))
    children = (
        features.values() if isinstance(features, dict) else features if isinstance(features, list) else ()
    )
    return next((found for found in map(_names_in, children) if found), None)


def open_source(source: SourceSettings, categories: Sequence[Category]) -> CocoParquet:
    """Find the files, in the order of their names; files on a hub are downloaded first.

    Raises:
        UserError: no folder, no training files, a numbered set with missing files, or no hub.
    """
    if not categories:
        raise UserError(
            "categories: parquet files hold only numbers: list the names in their order, "
            "categories=[NAME,NAME], or set categories=coco for the 80 of COCO"
        )
    train, val = source.train_files or TRAIN_FILES, source.val_files or VAL_FILES
    folder = source_folder(source, (train, val))
    names = tuple(category.name for category in categories)
    files = find_splits(source, folder, train, val)
    return CocoParquet(folder, files, source.box_format(USUAL_BOXES), names)


def _view(value: Any) -> ImageData:
    """Return a binary value without a copy; it keeps the batch in memory."""
    buffer = value.as_buffer()
    return None if buffer is None else memoryview(buffer).cast("B")
