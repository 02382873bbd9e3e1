"""An image's objects: from the source's lists to detections, with every drop named."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from grounding.boxes import Box, Size, grid_has_area, read_box, to_grid
from grounding.samples import Detection
from prepare.sources.source import BoxFormat, RawObjects

BOX_NOT_FOUR_NUMBERS = "box is not four numbers"
BOX_NOT_FINITE = "box has NaN or infinite coordinates"
BOX_UPSIDE_DOWN = "box is upside down or without area"
BOX_OUTSIDE = "box is outside its image"
BOX_UNKNOWN_CATEGORY = "box of an unknown category"
BOX_NO_AREA_ON_GRID = "box has no area on the grid"

CLIP_TOLERANCE = 1.0
"""Pixels. COCO's own boxes stick out by rounding; more than this is worth a count."""


@dataclass(frozen=True)
class RowObjects:
    """The usable objects of an image, their areas in square pixels, and the reasons of what is not used.

    A box without area on the 0..1000 grid is a real object, so it is here, but cannot be trained:
    `trainable` leaves it out, `dropped` counts it. `crowds` are apart from all of these.
    """

    detections: tuple[Detection, ...]
    areas: tuple[float, ...]
    trainable: tuple[Detection, ...]
    crowds: tuple[Detection, ...] = ()
    crowd_areas: tuple[float, ...] = ()
    dropped: Counter[str] = field(default_factory=Counter)
    clipped: int = 0


def read_objects(
    objects: RawObjects, size: Size, box_format: BoxFormat, names: Collection[str]
) -> RowObjects:
    """Convert the source's parallel lists; boxes that stick out are clipped to the image.

    Raises:
        ValueError: the lists differ in length.
    """
    if not len(objects.boxes) == len(objects.labels) == len(objects.areas):
        raise ValueError("the lists of boxes, labels and areas differ in length")
    kept: list[tuple[Detection, float]] = []
    crowds: list[tuple[Detection, float]] = []
    trainable: list[Detection] = []
    dropped: Counter[str] = Counter()
    clipped = 0
    rows = zip(objects.boxes, objects.labels, objects.areas, strict=True)
    for position, (numbers, label, area) in enumerate(rows):
        box = _read_box(numbers, size, box_format)
        if isinstance(box, str):
            dropped[box] += 1
            continue
        inside = box.clipped(size)
        reason = _find_fault(box, inside)
        if reason is None and label not in names:
            reason = BOX_UNKNOWN_CATEGORY
        if reason is not None:
            dropped[reason] += 1
            continue
        detection = Detection(str(label), inside)
        row = detection, inside.area if area is None else float(area)
        if position in objects.crowds:
            crowds.append(row)
            continue
        kept.append(row)
        if inside is not box:
            shifts = (abs(a - b) for a, b in zip(box.xyxy, inside.xyxy, strict=True))
            clipped += max(shifts) > CLIP_TOLERANCE
        if grid_has_area(to_grid(inside, size)):
            trainable.append(detection)
        else:
            dropped[BOX_NO_AREA_ON_GRID] += 1
    return RowObjects(
        tuple(detection for detection, _ in kept),
        tuple(area for _, area in kept),
        tuple(trainable),
        tuple(detection for detection, _ in crowds),
        tuple(area for _, area in crowds),
        dropped,
        clipped,
    )


def has_trainable(objects: RawObjects, size: Size, box_format: BoxFormat, names: Collection[str]) -> bool:
    """Tell whether `read_objects` finds anything that an answer can name; it stops at the first.

    Raises:
        ValueError: the lists differ in length.
    """
    if not len(objects.boxes) == len(objects.labels) == len(objects.areas):
        raise ValueError("the lists of boxes, labels and areas differ in length")
    return any(
        read_objects(
            RawObjects([numbers], [label], [None], frozenset({0} if position in objects.crowds else ())),
            size,
            box_format,
            names,
        ).trainable
        for position, (numbers, label) in enumerate(zip(objects.boxes, objects.labels, strict=True))
    )


def _read_box(numbers: Any, size: Size, box_format: BoxFormat) -> Box | str:
    """Return a box in pixels, or why there is none."""
    try:
        if len(numbers) != 4:
            return BOX_NOT_FOUR_NUMBERS
        return read_box(numbers, box_format.order, box_format.units, size)
    except (TypeError, ValueError):  # null, words
        return BOX_NOT_FOUR_NUMBERS


def _find_fault(box: Box, inside: Box) -> str | None:
    """Return why a box cannot be used, or None; `inside` is the part of it in the image."""
    if not box.is_finite:
        return BOX_NOT_FINITE
    if not box.has_area:
        return BOX_UPSIDE_DOWN
    if not inside.has_area:
        return BOX_OUTSIDE
    return None
