"""An image's objects: from the source's lists to detections; every drop has a reason."""

from collections import Counter
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

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


@dataclass(frozen=True)
class ImageObjects:
    """The usable objects of a query, boxes upright and clipped to the image, and why the others are not used.

    `areas` are in square pixels, in the order of `detections`. `trainable` are the detections that an answer
    can name: a box without area on the 0..1000 grid is a real object, but no text can state it (it is counted
    in `dropped`). Crowds are in none of these. `unboxed` are the categories that the source names without a
    usable box: they are in the picture, so no question treats them as absent. `clipped` counts boxes that
    stuck out. `expression` is the query's phrase, if it has one. `texts` are what the source says of each of
    the `trainable`, unchecked.
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


@dataclass(frozen=True)
class ObjectReader:
    """Reads the objects of one source: how it writes boxes, and the categories that the data set takes."""

    box_format: BoxFormat
    categories: frozenset[str]

    def read(self, query: Query, frame: Frame) -> ImageObjects:
        """Convert the source's parallel lists.

        Raises:
            UnusableImageError: the lists differ in length.
        """
        objects, size = query.objects, frame.upright
        _check_lengths(objects)
        kept: list[_Row] = []
        crowds: list[_Row] = []
        trainable: list[Detection] = []
        texts: list[tuple[str, ...]] = []
        dropped: Counter[str] = Counter()
        clipped = 0
        rows = zip(objects.boxes, objects.labels, objects.areas, strict=True)
        for position, (numbers, label, area) in enumerate(rows):
            try:
                box, inside = self._read(numbers, label, frame)
            except UnusableBoxError as error:
                dropped[error.reason] += 1
                continue
            detection = Detection(str(label), inside)
            row = detection, inside.area if area is None or not isfinite(area) else float(area)
            if position in objects.crowds:
                crowds.append(row)
                dropped[BOX_OF_CROWD] += 1
                continue
            kept.append(row)
            clipped += inside is not box and _sticks_out(box, inside)
            if grid_has_area(to_grid(inside, size)):
                trainable.append(detection)
                texts.append(objects.texts[position] if objects.texts else ())
            else:
                dropped[BOX_NO_AREA_ON_GRID] += 1
        named = {str(label) for label in objects.labels if label in self.categories}
        unboxed = frozenset(named - {detection.label for detection, _ in kept})
        (detections, areas), (crowd_detections, crowd_areas) = _columns(kept), _columns(crowds)
        return ImageObjects(
            detections,
            areas,
            tuple(trainable),
            crowd_detections,
            crowd_areas,
            unboxed,
            dropped,
            clipped,
            query.expression,
            tuple(texts),
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


def _columns(rows: list[_Row]) -> tuple[tuple[Detection, ...], tuple[float, ...]]:
    return tuple(detection for detection, _ in rows), tuple(area for _, area in rows)


def _check_lengths(objects: RawObjects) -> None:
    texts = objects.texts or objects.boxes
    if not len(objects.boxes) == len(objects.labels) == len(objects.areas) == len(texts):
        raise UnusableImageError(IMAGE_UNEVEN_LISTS)


def _sticks_out(box: Box, inside: Box) -> bool:
    return max(abs(a - b) for a, b in zip(box.xyxy, inside.xyxy, strict=True)) > CLIP_TOLERANCE
