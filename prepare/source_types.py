"""What a source states about its images, before anything is converted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # numpy would slow down --help
    from grounding.boxes import Size


@dataclass(frozen=True)
class BoxFormat:
    """How a source writes boxes: an order and units of `grounding.boxes.read_box`."""

    order: str
    units: str


@dataclass(frozen=True)
class StatedBox:
    """A box whose source states order or units beside it; None leaves them to the source's format."""

    numbers: tuple[float, ...]
    order: str | None
    units: str | None


PLAIN_BOXES = BoxFormat("xyxy", "pixels")


@dataclass(frozen=True)
class RawObjects:
    """Objects as the source states them, as parallel lists; the numbers of the boxes are not converted.

    A label is None if the source names an unknown category. An area is in square pixels, None if the source
    states none. `crowds` are the positions of regions with many objects. `texts` are phrases, descriptions
    and attributes that the source states of each object by itself, unchecked; () if it states none at all.
    `attributes` are names and values that it states of each object, such as color: red; () if none at all.
    `pictures` are the indices of the images that the boxes are in, () if there is only one.
    """

    boxes: Sequence[Any] = ()
    labels: Sequence[str | None] = ()
    areas: Sequence[float | None] = ()
    crowds: frozenset[int] = frozenset()
    texts: Sequence[tuple[str, ...]] = ()
    attributes: Sequence[Mapping[str, str]] = ()
    pictures: Sequence[int] = ()

    def in_picture(self, picture: int) -> "RawObjects":
        """Return the boxes of one of several images, with their labels."""
        own = [place for place, index in enumerate(self.pictures) if index == picture]
        return RawObjects(
            [self.boxes[place] for place in own],
            [self.labels[place] for place in own],
            [self.areas[place] for place in own],
        )


@dataclass(frozen=True)
class Query:
    """What can be asked about an image: one query in detection sources, else one per expression or record.

    `expression` is a phrase; its objects may be empty. `record` is a row of messages and objects that is kept
    except for its boxes; `fault` is the reason why it cannot be used. `record_id` is the query's own id where
    an image can have several queries.
    """

    objects: RawObjects
    expression: str | None = None
    record: dict[str, Any] | None = None
    fault: str | None = None
    record_id: int | None = None


@dataclass(frozen=True)
class Frame:
    """The picture in which a source states an image's boxes.

    `size` is the size of this picture in pixels. `orientation` is the EXIF orientation that turns it into the
    upright picture that the model sees; 1 if it is that picture.
    """

    size: "Size"
    orientation: int = 1

    @property
    def upright(self) -> "Size":
        """The size of the picture that the model sees."""
        return self.size.turned(self.orientation)


class Place(NamedTuple):
    """Where a source finds an image.

    `file` holds the image's bytes: a parquet file, or the image file itself. `row` is the position, from 0,
    in the parquet file or in the source's list of the split.
    """

    split: str
    file: Path
    row: int


@dataclass(frozen=True)
class SourcePicture:
    """One of several images of a record: its id, its name in the source, and its file."""

    image_id: int
    name: str
    file: Path


@dataclass(frozen=True)
class Annotation:
    """What a source states about one image, or about several that its records show together.

    `name` is the image's name in the source. With `is_numbered`, `image_id` is the source's own number, and
    the records need not keep the name. `size` is None if only the image file tells. `where` is for messages.
    `pictures` are the images in their order, () if there is one: `image_id` and `name` are then those of
    all together.
    """

    image_id: int | None
    name: str
    size: "Size | None"
    queries: tuple[Query, ...]
    place: Place
    where: str
    is_numbered: bool = True
    pictures: tuple[SourcePicture, ...] = ()

    @property
    def picture_ids(self) -> frozenset[int]:
        """The ids of all images."""
        return frozenset(picture.image_id for picture in self.pictures) or frozenset({self.image_id or 0})

    def each_picture(self) -> "Iterator[Annotation]":
        """Yield what the source states about each of several images, as of one; itself if it has one."""
        if not self.pictures:
            yield self
        for place, picture in enumerate(self.pictures):
            queries = tuple(replace(query, objects=query.objects.in_picture(place)) for query in self.queries)
            yield replace(self, image_id=picture.image_id, name=picture.name, queries=queries, pictures=())


@dataclass(frozen=True)
class Lost:
    """Images that a source lists but that cannot be used: the reason, how many, and where.

    `items` counts by reason the boxes and records in them.
    """

    reason: str
    images: int
    where: str
    items: Mapping[str, int] = field(default_factory=dict)


ImageData = bytes | memoryview | Path | None
"""The bytes of an image file, or its path; None: the source has no bytes."""
