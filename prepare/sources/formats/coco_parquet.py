"""Parquet files of annotated images, as data sets on the hubs have them.

One row per image: its bytes, and objects with boxes and labels; detection-datasets/coco has absolute xyxy.
The layouts are in `prepare.sources.parts.parquet_layout`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.categories import COCO_CATEGORIES, Category, number_categories
from grounding.errors import UserError
from grounding.predictions.annotations import LARGEST_SIDE
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
from prepare.sources.parts.parquet_layout import ParquetLayout, find_layout
from prepare.sources.parts.parquet_names import (
    has_distinct_paths,
    read_columns,
    stated_names,
    written_labels,
)
from prepare.sources.shared.file_patterns import find_files, find_splits, source_folder
from prepare.sources.shared.identity import derived_id, plain_name
from prepare.sources.shared.parquet_file import (
    open_parquet,
    read_footer,
    read_rows,
    row_groups,
)
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with, split_signs
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xyxy", "pixels")

TRAIN_FILES, VAL_FILES = "**/train-*.parquet", "**/val-*.parquet"
VALIDATION_FILES = "**/validation-*.parquet"
"""The usual name on the Hugging Face hub, used where nothing is named as COCO's files are."""

IMAGES_AT_ONCE = 16
"""A photograph is about 0.2 MB, so this bounds the memory whatever the size of the row groups."""


@dataclass(frozen=True)
class CocoParquet:
    """The files of each split; `categories` are the recipe's by index, empty if the files name them.

    Images without an id are named by their paths; where these are missing or not distinct, by their files and
    rows.
    """

    folder: Path
    files: dict[str, tuple[Path, ...]]
    box_format: BoxFormat
    categories: tuple[Category, ...]
    settings: SourceSettings

    @cached_property
    def layouts(self) -> Mapping[Path, ParquetLayout]:
        """The layout of each file.

        Raises:
            UserError: a file that cannot be opened, or has other columns.
        """
        paths = [path for split in self.files.values() for path in split]
        return {path: find_layout(path, open_parquet(path).schema_arrow) for path in paths}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The labels by their numbers.

        Raises:
            UserError: the files name other labels than COCO, whose names the recipe takes by default.
        """
        stated = stated_names(self.layouts)
        if self.categories == COCO_CATEGORIES and stated and stated != _names(COCO_CATEGORIES):
            raise UserError(
                f"categories: {self.folder}: the files name their labels {', '.join(stated[:5])}, ..., which "
                "are not COCO's: set categories=source"
            )
        return _names(self.categories) or stated

    @cached_property
    def own_categories(self) -> tuple[Category, ...] | None:
        """The categories that the files name, None if the recipe does.

        Raises:
            UserError: the labels are only numbers.
        """
        return None if self.categories else number_categories(self.names or written_labels(self.layouts))

    @cached_property
    def is_named_by_row(self) -> bool:
        """Whether images without an id are named by their rows."""
        return not has_distinct_paths(self.layouts)

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
            for batch in read_columns(path, self.layouts[path], self.layouts[path].columns):
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
        layout = self.layouts[path]
        own = [name for name in layout.columns if not name.startswith(f"{layout.image}.")]
        for index, start in row_groups(file):
            stop = start + file.metadata.row_group(index).num_rows
            left = {row for row in wanted if start <= row < stop}
            if not left:
                continue
            for batch in read_rows(
                file, path, [*own, layout.image], IMAGES_AT_ONCE, index, start, layout.image
            ):
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
        images = table.column(self.layouts[first.file].image).field("bytes")
        return [
            (annotation, _view(images[row - first.row]))
            for row, annotation in enumerate(self._annotations(table, first), start=first.row)
            if row in rows and isinstance(annotation, Annotation)
        ]

    def _annotations(self, table: Any, first: Place) -> Iterator[Annotation | Lost]:
        layout = self.layouts[first.file]
        columns = layout.fields_of(table)
        paths = None if layout.image_id or self.is_named_by_row else layout.paths_of(table)
        for number in range(table.num_rows):
            row = {name: values[number] for name, values in columns.items()}
            place = first._replace(row=first.row + number)
            where = f"{place.file}, row {place.row}"
            image_id = row[layout.image_id] if layout.image_id else 0
            size = _size(row, layout)
            if image_id is None or image_id < 0:
                yield Lost(IMAGE_WITHOUT_ID, 1, where)
            elif layout.sides and size is None:
                yield Lost(IMAGE_WITHOUT_SIZE, 1, where)
            else:
                name = str(image_id) if layout.image_id else self._name_of_row(place, paths, number)
                image_id = image_id if layout.image_id else derived_id(name)
                query = Query(self._objects(layout.objects_of(row), layout))
                yield Annotation(image_id, name, size, (query,), place, where, layout.image_id is not None)

    def _name_of_row(self, place: Place, paths: Sequence[str | None] | None, number: int) -> str:
        if paths is not None and (path := paths[number]):
            return plain_name(path)
        return f"{place.file.relative_to(self.folder).as_posix()}, row {place.row}"

    def _objects(self, lists: dict[str, Sequence[Any]], layout: ParquetLayout) -> RawObjects:
        labels = [self._name(label) for label in lists[layout.label]]
        areas = lists[layout.area] if layout.area else [None] * len(labels)
        marks = lists[layout.crowd] if layout.crowd else ()
        crowds = self.settings.crowd_positions(bool(mark) for mark in marks)
        return RawObjects(lists[layout.box], labels, areas, crowds)

    def _name(self, label: int | str | None) -> str | None:
        if isinstance(label, str):
            return label.strip() or None
        return self.names[label] if label is not None and 0 <= label < len(self.names) else None


def _size(row: dict[str, Any], layout: ParquetLayout) -> Size | None:
    """Return the size that a row states, None if it states none that an image has."""
    width, height = (row[side] for side in layout.sides) if layout.sides else (None, None)
    if width and height and 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE:
        return Size(width, height)
    return None


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield parquet for files whose schema has images and objects with boxes."""
    found: list[str] = []
    names = 0
    for name in listing.sample(".parquet"):
        path = listing.folder / name
        try:
            layout = find_layout(path, open_parquet(path).schema_arrow)
        except UserError:
            continue
        found.append(name)
        names = max(names, len(layout.names))
    if found:
        evidence = files_with(found, "columns with images, boxes and labels")
        evidence += f"; the schema names {names:,} categories" if names else ""
        sign = Sign("coco_parquet", evidence, frozenset(found), keys={"source.hub": "local"})
        yield from split_signs(sign, found, listing, ".parquet")


def open_source(source: SourceSettings, categories: Sequence[Category]) -> CocoParquet:
    """Find the files, in the order of their names; files on a hub are downloaded first.

    Raises:
        UserError: no folder, no training files, a numbered set with missing files, or no hub.
    """
    train, val = source.train_files or TRAIN_FILES, source.val_files or VAL_FILES
    folder = source_folder(source, (train, val, *(() if source.val_files else (VALIDATION_FILES,))))
    if not source.val_files and folder.is_dir() and not find_files(folder, VAL_FILES):
        val = VALIDATION_FILES
    files = find_splits(source, folder, train, val)
    return CocoParquet(folder, files, source.box_format(USUAL_BOXES), tuple(categories), source)


def _names(categories: Sequence[Category]) -> tuple[str, ...]:
    return tuple(category.name for category in categories)


def _view(value: Any) -> ImageData:
    """Return a binary value without a copy; it keeps the batch in memory."""
    buffer = value.as_buffer()
    return None if buffer is None else memoryview(buffer).cast("B")
