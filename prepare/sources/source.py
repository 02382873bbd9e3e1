"""What every source offers: first the annotations, later the bytes of the images that were drawn."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from grounding.categories import Category
from prepare.source_types import Annotation, BoxFormat, ImageData, Lost, Place


class Source(Protocol):
    """Annotated photographs in two splits, "train" and "val"; without validation files, all are in train."""

    @property
    def folder(self) -> Path:
        """The folder that messages name."""
        ...

    @property
    def box_format(self) -> BoxFormat:
        """How the boxes are written."""
        ...

    @property
    def own_categories(self) -> tuple[Category, ...] | None:
        """The categories that the source itself lists, None if it has no list."""
        ...

    def fingerprint(self) -> str:
        """Return a hash of what the source holds, the same on every machine."""
        ...

    def count(self, split: str) -> int:
        """Return how many images a split has, usable or not."""
        ...

    def scan(self, split: str) -> Iterator[Annotation | Lost]:
        """Yield the annotations of a split; no image is read."""
        ...

    def is_outside(self, file: Path) -> bool:
        """Tell whether an image's file lies outside the source's folder, as the recipe allows."""
        ...

    def read(self, places: Sequence[Place]) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        """Yield some images, a few at a time, in the order of the files."""
        ...
