"""Lists of image files with their annotations: what all layouts except parquet share."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.categories import Category
from prepare.reasons import ANNOTATION_UNREADABLE, IMAGE_MISSING
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

    The fingerprint hashes the content of `annotation_files`, and name and length of the images.
    """

    folder: Path
    items: Mapping[str, Sequence[ListedImage]]
    annotate: Callable[[ListedImage, Place], Annotation]
    box_format: BoxFormat
    annotation_files: Sequence[tuple[str, Path]]
    own_categories: tuple[Category, ...] | None

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
        for row, item in enumerate(self.items[split]):
            if not _is_file(item.image):
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


def find_images(folder: Path) -> list[Path]:
    """Return the image files below a folder, in the order of their paths, without hidden files."""
    found = [
        Path(place) / name
        for place, folders, names in os.walk(folder, followlinks=True)
        for name in names
        if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")
    ]
    return sorted(found, key=lambda path: path.as_posix())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False
