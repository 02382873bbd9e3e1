"""Image files beside their annotations: what all layouts but parquet have in common."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.categories import Category
from prepare.sources.shared.identity import hash_files
from prepare.sources.source import (
    ANNOTATION_UNREADABLE,
    IMAGE_MISSING,
    Annotation,
    BoxFormat,
    ImageData,
    Lost,
    Place,
)

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
IMAGES_AT_ONCE = 64


class UnreadableError(Exception):
    """An image's own annotation file that is not of its format: the file, the line, and what is wrong."""


@dataclass(frozen=True)
class Item:
    """An image of a split: its name in the source, its file, and whatever its annotation is made of."""

    name: str
    image: Path
    data: Any


@dataclass(frozen=True)
class ListedSource:
    """Images in the order of their names; `annotate` makes the annotation of one.

    `annotation_files` are hashed whole for the fingerprint, the images by name and length.
    """

    folder: Path
    items: Mapping[str, Sequence[Item]]
    annotate: Callable[[Item, Place], Annotation]
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
        """Yield the annotation of every image whose file is there."""
        for row, item in enumerate(self.items[split]):
            if not _is_file(item.image):
                yield Lost(IMAGE_MISSING, 1, str(item.image))
                continue
            try:
                yield self.annotate(item, (Path(split), row))
            except UnreadableError as error:
                yield Lost(ANNOTATION_UNREADABLE, 1, str(error))

    def read(self, places: Sequence[Place]) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        """Yield the wanted images by their paths, in the order of their names."""
        ordered = sorted(places)
        for start in range(0, len(ordered), IMAGES_AT_ONCE):
            chosen: list[tuple[Annotation, ImageData]] = []
            for split, row in ordered[start : start + IMAGES_AT_ONCE]:
                item = self.items[str(split)][row]
                chosen.append((self.annotate(item, (split, row)), item.image))
            yield chosen


def find_images(folder: Path) -> list[Path]:
    """Return the image files under a folder, in the order of their paths; hidden files are none."""
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
