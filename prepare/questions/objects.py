"""An image's objects: from the source's lists to detections; every drop has a reason."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, TypeVar

from grounding.boxes import Box, Size, grid_has_area, read_box, to_grid
from grounding.samples import Detection
from prepare.reasons import (
    BOX_NO_AREA_ON_GRID,
    BOX_NOT_FINITE,
    BOX_NOT_FOUR_NUMBERS,
    BOX_OF_CROWD,
    BOX_OUTSIDE,
    BOX_UNKNOWN_CATEGORY,
    BOX_UPSIDE_DOWN,
    IMAGE_EMPTY,
    IMAGE_OF_CROWDS,
    IMAGE_UNEVEN_LISTS,
    IMAGE_WITHOUT_OBJECTS,
    UnusableBoxError,
    UnusableImageError,
)
from prepare.source_types import BoxFormat, Frame, Query, RawObjects, StatedBox

CLIP_TOLERANCE = 1.0
"""Boxes may stick out of the image by this many pixels (COCO's own do, by rounding) without being counted."""

_Row = tuple[Detection, float]
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class ImageObjects:
    """The usable objects of a query, boxes upright and clipped to the image, and why the others are not used.

    `areas` are in square pixels, in the order of `detections`. `trainable` are the detections that an answer
    can name: a box without area on the 0..1000 grid is a real object, but no text can state it (it is counted
    in `dropped`). Crowds are in none of these. `unboxed` are the categories that the source names without a
    usable box: they are in the picture, so no question treats them as absent. `clipped` counts boxes that
    stuck out. `expression` is the query's phrase, if it has one. `texts` are what the source says of each of
    the `trainable`, unchecked. `attributes` are those of each of the `detections`, () if the source has none.
    `unusable` are the labels of objects whose boxes cannot be used, or that are crowds.
    """

    detections: tuple[Detection, ...]
    areas: tuple[float, ...]
    trainable: tuple[Detection, ...]
    crowds: tuple[Detection, ...] = ()
    crowd_areas: tuple[float, ...] = ()
    unboxed: frozenset[str] = frozenset()
    dropped: Counter[str] = field(default_factory=Counter)
    clipped: int = 0
    expression: str | None = None
    texts: tuple[tuple[str, ...], ...] = ()
    attributes: tuple[Mapping[str, str], ...] = ()
    unusable: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ObjectReader:
    """Reads the objects of one source: how it writes boxes, and the categories that the data set takes."""

    box_format: BoxFormat
    categories: frozenset[str]

    def read(self, query: Query, frame: Frame, *others: Frame) -> ImageObjects:
        """Convert the source's parallel lists; `others` are the frames of further images of a record.

        Raises:
            UnusableImageError: the lists differ in length.
        """
        objects, frames = query.objects, (frame, *others)
        _check_lengths(objects)
        kept: dict[int, _Row] = {}
        crowds: list[_Row] = []
        trainable: dict[int, Detection] = {}
        dropped: Counter[str] = Counter()
        clipped = 0
        rows = zip(objects.boxes, objects.labels, objects.areas, strict=True)
        for position, (numbers, label, area) in enumerate(rows):
            picture = objects.pictures[position] if objects.pictures else 0
            try:
                box, inside = self._read(numbers, label, frames[picture])
            except UnusableBoxError as error:
                dropped[error.reason] += 1
                continue
            detection = Detection(str(label), inside, picture=picture)
            row = detection, inside.area if area is None or not isfinite(area) else float(area)
            if position in objects.crowds:
                crowds.append(row)
                dropped[BOX_OF_CROWD] += 1
                continue
            kept[position] = row
            clipped += inside is not box and _sticks_out(box, inside)
            if grid_has_area(to_grid(inside, frames[picture].upright)):
                trainable[position] = detection
            else:
                dropped[BOX_NO_AREA_ON_GRID] += 1
        left_out = self.categories.intersection(_without(objects.labels, kept))
        (detections, areas), (crowd_detections, crowd_areas) = _columns(kept.values()), _columns(crowds)
        return ImageObjects(
            detections,
            areas,
            tuple(trainable.values()),
            crowd_detections,
            crowd_areas,
            left_out - {detection.label for detection in detections},
            dropped,
            clipped,
            query.expression,
            _at(objects.texts, trainable),
            _at(objects.attributes, kept),
            left_out,
        )

    def has_trainable(self, objects: RawObjects, size: Size) -> bool:
        """Tell whether `read` finds anything that an answer can name; stops at the first.

        Raises:
            UnusableImageError: the lists differ in length.
        """
        _check_lengths(objects)
        for position, (numbers, label) in enumerate(zip(objects.boxes, objects.labels, strict=True)):
            if position in objects.crowds:
                continue
            try:
                _, inside = self._read(numbers, label, Frame(size))
            except UnusableBoxError:
                continue
            if grid_has_area(to_grid(inside, size)):
                return True
        return False

    def refuse_objects(self, objects: RawObjects, frame: Frame) -> UnusableImageError:
        """Return the error for an image whose objects no answer can name."""
        if not objects.boxes:
            return UnusableImageError(IMAGE_EMPTY)
        items = self.read(Query(objects), frame).dropped
        reason = IMAGE_OF_CROWDS if set(items) == {BOX_OF_CROWD} else IMAGE_WITHOUT_OBJECTS
        return UnusableImageError(reason, items=items)

    def read_box(self, numbers: Any, frame: Frame) -> tuple[Box, Box]:
        """Return a box in pixels of the upright image, as stated and clipped to the image.

        Raises:
            UnusableBoxError: not a box, or not in the image.
        """
        order, units = self.box_format.order, self.box_format.units
        if isinstance(numbers, StatedBox):
            order, units = numbers.order or order, numbers.units or units
            numbers = numbers.numbers
        try:
            if len(numbers) != 4:
                raise UnusableBoxError(BOX_NOT_FOUR_NUMBERS)
            box = read_box(numbers, order, units, frame.size)
        except (TypeError, ValueError) as error:  # null, words
            raise UnusableBoxError(BOX_NOT_FOUR_NUMBERS) from error
        if not box.is_finite:
            raise UnusableBoxError(BOX_NOT_FINITE)
        if not box.has_area:
            raise UnusableBoxError(BOX_UPSIDE_DOWN)
        box = box.turned(frame.size, frame.orientation) if frame.orientation != 1 else box
        inside = box.clipped(frame.upright)
        if not inside.has_area:
            raise UnusableBoxError(BOX_OUTSIDE)
        return box, inside

    def _read(self, numbers: Any, label: str | None, frame: Frame) -> tuple[Box, Box]:
        boxes = self.read_box(numbers, frame)
        if label not in self.categories:
            raise UnusableBoxError(BOX_UNKNOWN_CATEGORY)
        return boxes


def _at(values: Sequence[_Value], positions: Iterable[int]) -> tuple[_Value, ...]:
    """Return the values at these positions, () of a list that the source does not have."""
    return tuple(values[position] for position in positions) if values else ()


def _without(values: Sequence[_Value], positions: Container[int]) -> list[_Value]:
    return [value for position, value in enumerate(values) if position not in positions]


def _columns(rows: Collection[_Row]) -> tuple[tuple[Detection, ...], tuple[float, ...]]:
    return tuple(detection for detection, _ in rows), tuple(area for _, area in rows)


def _check_lengths(objects: RawObjects) -> None:
    count = len(objects.boxes)
    lists = (
        objects.labels,
        objects.areas,
        objects.texts or objects.boxes,
        objects.attributes or objects.boxes,
        objects.pictures or objects.boxes,
    )
    if any(len(values) != count for values in lists):
        raise UnusableImageError(IMAGE_UNEVEN_LISTS)


def _sticks_out(box: Box, inside: Box) -> bool:
    return max(abs(a - b) for a, b in zip(box.xyxy, inside.xyxy, strict=True)) > CLIP_TOLERANCE
