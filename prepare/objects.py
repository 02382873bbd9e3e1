"""A row's objects: from the source's lists to detections, with every drop named."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.boxes import Box, Size, grid_has_area, to_grid
from grounding.categories import Category
from grounding.samples import Detection

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
    """The usable objects of a row, their areas in square pixels, and the reasons of what is not used.

    A box without area on the 0..1000 grid is a real object, so it is here, but cannot be trained:
    `trainable` leaves it out, `dropped` counts it.
    """

    detections: tuple[Detection, ...]
    areas: tuple[float, ...]
    trainable: tuple[Detection, ...]
    dropped: Counter[str]
    clipped: int


def read_objects(objects: dict[str, Any] | None, size: Size, categories: Sequence[Category]) -> RowObjects:
    """Convert the source's parallel lists; boxes that stick out are clipped to the image.

    Raises:
        ValueError: the lists differ in length.
    """
    boxes, indices, areas = ((objects or {}).get(key) or [] for key in ("bbox", "category", "area"))
    if not len(boxes) == len(indices) == len(areas):
        raise ValueError("the lists bbox, category and area differ in length")
    kept: list[Detection] = []
    kept_areas: list[float] = []
    trainable: list[Detection] = []
    dropped: Counter[str] = Counter()
    clipped = 0
    for numbers, index, area in zip(boxes, indices, areas, strict=True):
        reason = _find_fault(numbers, index, size, len(categories))
        if reason is not None:
            dropped[reason] += 1
            continue
        box = Box(*map(float, numbers))
        inside = box.clipped(size)
        shifts = (abs(a - b) for a, b in zip(box.xyxy, inside.xyxy, strict=True))
        clipped += max(shifts) > CLIP_TOLERANCE
        detection = Detection(categories[index].name, inside)
        kept.append(detection)
        kept_areas.append(inside.area if area is None else float(area))
        if grid_has_area(to_grid(inside, size)):
            trainable.append(detection)
        else:
            dropped[BOX_NO_AREA_ON_GRID] += 1
    return RowObjects(tuple(kept), tuple(kept_areas), tuple(trainable), dropped, clipped)


def _find_fault(numbers: Any, index: int | None, size: Size, category_count: int) -> str | None:
    """Return why an object cannot be used, or None."""
    if numbers is None or len(numbers) != 4 or None in numbers:
        return BOX_NOT_FOUR_NUMBERS
    box = Box(*map(float, numbers))
    if not box.is_finite:
        return BOX_NOT_FINITE
    if not box.has_area:
        return BOX_UPSIDE_DOWN
    if not box.clipped(size).has_area:
        return BOX_OUTSIDE
    if index is None or not 0 <= index < category_count:
        return BOX_UNKNOWN_CATEGORY
    return None
