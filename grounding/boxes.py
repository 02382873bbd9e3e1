"""Boxes: all coordinate arithmetic of the project.

A `Box` is xyxy in pixels of the original image, as floats. The model reads and writes coordinates on the
0..1000 grid; they exist only as `GridBox`, inside texts and JSONL records.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grounding.errors import in_short

GRID = 1000
"""Qwen3-VL's coordinates count in this many steps along each side of the image."""

GridBox = tuple[int, int, int, int]
"""xyxy on the grid, integers 0..GRID."""

SMALL, MEDIUM = 32.0**2, 96.0**2
"""COCO's limits of the areas of small and medium objects, in square pixels."""

BOX_ORDERS = ("xyxy", "xywh", "cxcywh")
"""The meaning of the four numbers of a box in a source: corners, corner and size, or centre and size."""

BOX_UNITS = ("pixels", "pixels_from_1", "relative", "grid")
"""The units of a box in a source.

pixels: edges between pixels, from 0. pixels_from_1: numbers of pixels, from 1; the pixels at both corners
belong to the box (PASCAL VOC). relative: shares of width and height, 0..1. grid: 0..1000.
"""


@dataclass(frozen=True)
class Size:
    """Width and height of an image, in pixels."""

    width: int
    height: int

    def turned(self, orientation: int) -> "Size":
        """Return the size of the image after its EXIF orientation is applied."""
        return Size(self.height, self.width) if orientation in (5, 6, 7, 8) else self


@dataclass(frozen=True)
class Box:
    """A box as xyxy in pixels of the original image."""

    x1: float
    y1: float
    x2: float
    y2: float

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> "Box":
        """Make a box from its top left corner, width and height (COCO JSON)."""
        return cls(x, y, x + width, y + height)

    @classmethod
    def from_cxcywh(cls, cx: float, cy: float, width: float, height: float) -> "Box":
        """Make a box from its centre, width and height (YOLO)."""
        return cls(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)

    @classmethod
    def around(cls, xs: Sequence[float], ys: Sequence[float]) -> "Box":
        """Make the smallest box around all points of an outline."""
        return cls(min(xs), min(ys), max(xs), max(ys))

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """The corners: left, top, right, bottom."""
        return self.x1, self.y1, self.x2, self.y2

    @property
    def xywh(self) -> tuple[float, float, float, float]:
        """Left, top, width, height."""
        return self.x1, self.y1, self.x2 - self.x1, self.y2 - self.y1

    @property
    def cxcywh(self) -> tuple[float, float, float, float]:
        """Centre x, centre y, width, height."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2, self.x2 - self.x1, self.y2 - self.y1

    @property
    def area(self) -> float:
        """Area in square pixels, 0 for a box that is upside down."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)

    @property
    def is_finite(self) -> bool:
        """Whether no coordinate is NaN or infinite."""
        # A finite sum means finite numbers, and is four times as fast. It can overflow: then test each one.
        return math.isfinite(self.x1 + self.y1 + self.x2 + self.y2) or all(map(math.isfinite, self.xyxy))

    @property
    def has_area(self) -> bool:
        """Whether the right side lies right of the left one, and the bottom below the top."""
        return self.x2 > self.x1 and self.y2 > self.y1

    def moved(self, right: float, down: float) -> "Box":
        """Return the box moved by this many pixels."""
        return Box(self.x1 + right, self.y1 + down, self.x2 + right, self.y2 + down)

    def grown(self, factor: float) -> "Box":
        """Return the box with sides `factor` times as long around the same centre."""
        middle_x, middle_y, width, height = self.cxcywh
        return Box.from_cxcywh(middle_x, middle_y, width * factor, height * factor)

    def turned(self, size: Size, orientation: int) -> "Box":
        """Return the box after its image, stored in this size, is turned by its EXIF orientation.

        Source: EXIF 2.3, tag 0x0112. Unknown values change nothing, as in Pillow.
        """
        x1, y1, x2, y2 = self.xyxy
        if orientation in (2, 3, 7, 8):
            x1, x2 = size.width - x2, size.width - x1
        if orientation in (3, 4, 6, 7):
            y1, y2 = size.height - y2, size.height - y1
        return Box(y1, x1, y2, x2) if orientation in (5, 6, 7, 8) else Box(x1, y1, x2, y2)

    def clipped(self, size: Size) -> "Box":
        """Return the part of the box inside an image; a box outside the image gets no area."""
        if 0 <= self.x1 <= self.x2 <= size.width and 0 <= self.y1 <= self.y2 <= size.height:
            return self
        return Box(
            min(max(self.x1, 0.0), size.width),
            min(max(self.y1, 0.0), size.height),
            min(max(self.x2, 0.0), size.width),
            min(max(self.y2, 0.0), size.height),
        )


def read_box(numbers: Sequence[float], order: str, units: str, size: Size) -> Box:
    """Return the box in pixels from four numbers of a source, in an order and units as above.

    Source of `pixels_from_1`: the VOC 2007 development kit, in which the top left pixel is (1, 1).

    Raises:
        ValueError, TypeError: not four numbers.
    """
    a, b, c, d = map(float, numbers)
    if order == "xywh":
        box = Box.from_xywh(a, b, c, d)
    elif order == "cxcywh":
        box = Box.from_cxcywh(a, b, c, d)
    else:
        box = Box(a, b, c, d)
    if units == "relative":
        return Box(box.x1 * size.width, box.y1 * size.height, box.x2 * size.width, box.y2 * size.height)
    if units == "grid":
        return from_grid(*box.xyxy, size)
    if units == "pixels_from_1":
        # A corner is the number of a pixel, and pixel n spans n - 1 to n. Width and height count pixels.
        shift = 1 if order == "xyxy" else 0
        return Box(box.x1 - 1, box.y1 - 1, box.x2 - 1 + shift, box.y2 - 1 + shift)
    return box


def to_grid(box: Box, size: Size) -> GridBox:
    """Return the nearest grid coordinates of a box, which must lie inside the image.

    A small box can lose its area by rounding (`grid_has_area`).
    """
    return (
        round(box.x1 * GRID / size.width),
        round(box.y1 * GRID / size.height),
        round(box.x2 * GRID / size.width),
        round(box.y2 * GRID / size.height),
    )


def from_grid(x1: float, y1: float, x2: float, y2: float, size: Size) -> Box:
    """Return grid coordinates as a box in pixels of an image."""
    return Box(
        x1 * size.width / GRID,
        y1 * size.height / GRID,
        x2 * size.width / GRID,
        y2 * size.height / GRID,
    )


def read_grid_box(value: Any, where: str) -> GridBox:
    """Return a box on the grid from a row of JSON; `where` names its place in messages.

    Raises:
        ValueError: it is not four whole numbers within the grid, or has no area.
    """
    if isinstance(value, list) and len(value) == 4 and all(type(number) is int for number in value):
        x1, y1, x2, y2 = value
        if 0 <= x1 < x2 <= GRID and 0 <= y1 < y2 <= GRID:
            return x1, y1, x2, y2
    raise ValueError(
        f"{where}: {in_short(value)} is not [x1, y1, x2, y2] in whole numbers 0..{GRID} with an area"
    )


def read_grid_boxes(value: Any, where: str) -> tuple[GridBox, ...]:
    """Return a list of at least one box on the grid from a row of JSON, as `read_grid_box` reads each.

    Raises:
        ValueError: it is no such list.
    """
    if not isinstance(value, list) or not value:
        raise ValueError(f"{where}: {in_short(value)} is not a list of at least one box")
    return tuple(read_grid_box(box, where) for box in value)


def grid_has_area(box: GridBox) -> bool:
    """Tell whether a box still has an area after it was rounded to the grid."""
    return box[2] > box[0] and box[3] > box[1]


def iou(first: Box, second: Box) -> float:
    """Return intersection over union, 0 if neither box has an area.

    Source: Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010, eq. 3.
    """
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    intersection = max(0.0, width) * max(0.0, height)
    union = first.area + second.area - intersection
    return intersection / union if union > 0 else 0.0


def iou_matrix(rows: list[Box], columns: list[Box]) -> npt.NDArray[np.float64]:
    """Return `iou` of every row's box with every column's, shape (rows, columns)."""
    return np.array([[iou(row, column) for column in columns] for row in rows]).reshape(
        len(rows), len(columns)
    )
