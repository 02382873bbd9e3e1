"""What every source offers, whatever its files: annotations first, then the bytes of the images drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from grounding.boxes import Size
from grounding.categories import Category

IMAGE_MISSING = "image file is missing"
ANNOTATION_UNREADABLE = "annotation cannot be read"
ROWS_DAMAGED = "row group is damaged"

Place = tuple[Path, int]
"""Where an image stands in its source: a file, and the number of the row in it, from 0."""


@dataclass(frozen=True)
class BoxFormat:
    """How a source writes boxes: an order and units of `grounding.boxes.read_box`."""

    order: str
    units: str


PLAIN_BOXES = BoxFormat("xyxy", "pixels")


@dataclass(frozen=True)
class RawObjects:
    """Objects as the source states them: parallel lists, the numbers of the boxes not converted yet.

    A label is None where the source names a category that there is not; an area is in square pixels,
    None where the source states none. `crowds` are the positions of regions with many objects.
    """

    boxes: Sequence[Any] = ()
    labels: Sequence[str | None] = ()
    areas: Sequence[float | None] = ()
    crowds: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Query:
    """What is asked about an image: a detection source has one query, others one an expression or record.

    `expression` is a phrase, whose objects may be none at all; `record` is a row of messages and objects
    that is kept as it is but for its boxes, and `fault` why it cannot be. `record_id` tells the queries of
    one image apart, None where there is one.
    """

    objects: RawObjects
    expression: str | None = None
    record: dict[str, Any] | None = None
    fault: str | None = None
    record_id: int | None = None


@dataclass(frozen=True)
class Annotation:
    """What a source states about one image.

    `name` is the image's name there; `is_numbered` tells that `image_id` is the source's own number, so
    that the name need not be kept. `size` is None where the image alone tells. `where` is for messages.
    """

    image_id: int | None
    name: str
    size: Size | None
    queries: tuple[Query, ...]
    place: Place
    where: str
    is_numbered: bool = True


@dataclass(frozen=True)
class Lost:
    """Images that a source has but cannot deliver: the reason, how many, and where."""

    reason: str
    images: int
    where: str


ImageData = bytes | memoryview | Path | None
"""The bytes of an image file, or where it is; None: the source has none."""


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
        """The categories that the source itself lists, None where it has no list."""
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

    def read(self, places: Sequence[Place]) -> Iterator[list[tuple[Annotation, ImageData]] | Lost]:
        """Yield some images, a few at a time, in the order of the files."""
        ...
