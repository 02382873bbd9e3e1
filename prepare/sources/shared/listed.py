"""Lists of image files with their annotations: what all layouts except parquet share."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import is_regular, is_unicode
from prepare.reasons import ANNOTATION_UNREADABLE, IMAGE_MISSING, IMAGE_NAME_NOT_UTF8
from prepare.source_types import (
    Annotation,
    BoxFormat,
    ImageData,
    Lost,
    Place,
    Query,
    SourcePicture,
)
from prepare.sources.shared.identity import derived_id, hash_files

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
IMAGES_AT_ONCE = 64

LARGEST_ANNOTATION = 1 << 24
"""Bytes of the annotation file of one image: 100,000 objects."""

MOST_FOLDERS = 100_000
"""Folders below one that holds images: links that lead in circles would never end."""


class UnreadableError(Exception):
    """The annotation file of one image cannot be read: the file, the line, and what is wrong."""


@dataclass(frozen=True)
class ListedImage:
    """An image of a split: its name in the source, its file, and what its annotation is made from.

    `pictures` are the images of records that show several, () for one: `name` is then that of all together,
    and `image` the file of the first.
    """

    name: str
    image: Path
    data: Any
    pictures: tuple[SourcePicture, ...] = ()

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """Name and file of each image."""
        return tuple((each.name, each.file) for each in self.pictures) or ((self.name, self.image),)


@dataclass(frozen=True)
class ListedSource:
    """Images in the order of their names; `annotate` makes the annotation of one.

    The fingerprint hashes the content of `annotation_files`, and name and length of the images. `outside`
    are the image files outside the source's folder, which the recipe allows. `lost` is what the annotation
    files of a split hold beside its images.
    """

    folder: Path
    items: Mapping[str, Sequence[ListedImage]]
    annotate: Callable[[ListedImage, Place], Annotation]
    box_format: BoxFormat
    annotation_files: Sequence[tuple[str, Path]]
    own_categories: tuple[Category, ...] | None
    outside: frozenset[Path] = frozenset()
    lost: tuple[tuple[str, Lost], ...] = ()

    def fingerprint(self) -> str:
        """Return a hash of the annotation files and of the images' names and lengths.

        Raises:
            UserError: an annotation file cannot be read.
        """
        images = (
            (f"{split}/{name}", file)
            for split in self.items
            for item in self.items[split]
            for name, file in item.files
        )
        return hash_files(self.annotation_files, images)

    def count(self, split: str) -> int:
        """Return the number of images."""
        return len(self.items[split])

    def scan(self, split: str) -> Iterator[Annotation | Lost]:
        """Yield the annotation of every image whose file exists."""
        yield from (lost for of_split, lost in self.lost if of_split == split)
        for row, item in enumerate(self.items[split]):
            if not is_unicode(item.name):
                yield Lost(IMAGE_NAME_NOT_UTF8, 1, ascii(item.name))
                continue
            missing = next((file for _, file in item.files if not is_regular(file)), None)
            if missing is not None:
                yield Lost(IMAGE_MISSING, 1, str(missing))
                continue
            try:
                yield self.annotate(item, Place(split, item.image, row))
            except UnreadableError as error:
                yield Lost(ANNOTATION_UNREADABLE, 1, str(error))

    def read(self, places: Sequence[Place]) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        """Yield the wanted images as paths, in the order of their names."""
        ordered = sorted(places, key=lambda place: place.row)
        for start in range(0, len(ordered), IMAGES_AT_ONCE):
            chosen: list[tuple[Annotation, ImageData]] = []
            for place in ordered[start : start + IMAGES_AT_ONCE]:
                item = self.items[place.split][place.row]
                chosen.append((self.annotate(item, place), item.image))
            yield chosen

    def is_outside(self, file: Path) -> bool:
        """Tell whether an image lies outside the source's folder."""
        return file in self.outside


def name_annotation(item: ListedImage, place: Place, size: Size | None, query: Query) -> Annotation:
    """Return the annotation of an image with a file of its own; the id is derived from its name."""
    return Annotation(
        derived_id(item.name), item.name, size, (query,), place, str(item.data), is_numbered=False
    )


def annotation_files(items: Mapping[str, Sequence[ListedImage]]) -> list[tuple[str, Path]]:
    """Return role and path of the annotation files of images, where each image has one of its own."""
    return [
        (f"{split}/{item.name}", item.data)
        for split in items
        for item in items[split]
        if is_regular(item.data)
    ]


def find_images(folder: Path, check: Callable[[Iterable[Path]], object]) -> list[Path]:
    """Return the image files below a folder, in the order of their paths, without hidden files.

    `check` gets the folders below, and raises if they lie where the recipe allows no files.

    Raises:
        UserError: more than `MOST_FOLDERS` folders.
    """
    found: list[Path] = []
    for number, (place, folders, names) in enumerate(os.walk(folder, followlinks=True), start=1):
        if number > MOST_FOLDERS:
            raise UserError(f"{folder}: more than {MOST_FOLDERS:,} folders: does a link lead in a circle?")
        check(Path(place) / name for name in folders)
        found += [
            Path(place) / name
            for name in names
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")
        ]
    return sorted(found, key=lambda path: path.as_posix())


def read_annotation(path: Path) -> bytes:
    """Return the content of the annotation file of one image.

    Raises:
        FileNotFoundError: there is none.
        UnreadableError: it cannot be read, is no regular file, or larger than `LARGEST_ANNOTATION`.
    """
    try:
        if path.exists() and not is_regular(path):
            raise UnreadableError(f"{path}: not a regular file")
        with path.open("rb") as file:
            content = file.read(LARGEST_ANNOTATION + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path}: {error}") from error
    if len(content) > LARGEST_ANNOTATION:
        raise UnreadableError(f"{path}: larger than {LARGEST_ANNOTATION:,} bytes")
    return content
