"""Lists of image files with their annotations: what all layouts except parquet share."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
)
from prepare.sources.shared.identity import hash_files

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
IMAGES_AT_ONCE = 64

LARGEST_ANNOTATION = 1 << 24
"""Bytes of the annotation file of one image: 100,000 objects."""

MOST_FOLDERS = 100_000
"""Folders below one that holds images: links that lead in circles would never end."""


class UnreadableError(Exception):
    """The annotation file of one image cannot be read: the file, the line, and what is wrong."""


@dataclass(frozen=True)
class ListedImage:
    """An image of a split: its name in the source, its file, and what its annotation is made from."""

    name: str
    image: Path
    data: Any


@dataclass(frozen=True)
class ListedSource:
    """Images in the order of their names; `annotate` makes the annotation of one.

    The fingerprint hashes the content of `annotation_files`, and name and length of the images. `outside`
    are the image files outside the source's folder, which the recipe allows. `lost` is what the annotation
    files list, and no image can be told of.
    """

    folder: Path
    items: Mapping[str, Sequence[ListedImage]]
    annotate: Callable[[ListedImage, Place], Annotation]
    box_format: BoxFormat
    annotation_files: Sequence[tuple[str, Path]]
    own_categories: tuple[Category, ...] | None
    outside: frozenset[Path] = frozenset()
    lost: Mapping[str, Sequence[Lost]] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Return a hash of the annotation files and of the images' names and lengths.

        Raises:
            UserError: an annotation file cannot be read.
        """
        images = ((f"{split}/{item.name}", item.image) for split in self.items for item in self.items[split])
        return hash_files(self.annotation_files, images)

    def count(self, split: str) -> int:
        """Return the number of images."""
        return len(self.items[split])

    def scan(self, split: str) -> Iterator[Annotation | Lost]:
        """Yield the annotation of every image whose file exists."""
        yield from self.lost.get(split, ())
        for row, item in enumerate(self.items[split]):
            if not is_unicode(item.name):
                yield Lost(IMAGE_NAME_NOT_UTF8, 1, ascii(item.name))
                continue
            if not is_regular(item.image):
                yield Lost(IMAGE_MISSING, 1, str(item.image))
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
