"""Upright boxes around other shapes: outlines, rotated rectangles and ellipses.

A shape with a number that is not finite gets a box of NaN, which is counted as such.
"""

import math
from collections.abc import Sequence

from grounding.boxes import Box

Corners = tuple[float, ...]
"""xyxy in the units of the shape; empty if the shape is not readable."""

NO_NUMBERS = (math.nan,) * 4


def around_points(xs: Sequence[float], ys: Sequence[float]) -> Corners:
    """Return the box around points; nothing for fewer than two, or for uneven lists."""
    if len(xs) != len(ys) or len(xs) < 2:
        return ()
    return Box.around(xs, ys).xyxy if all(map(math.isfinite, (*xs, *ys))) else NO_NUMBERS


def around_rectangle(cx: float, cy: float, width: float, height: float, angle: float) -> Corners:
    """Return the box around a rectangle that is turned around its centre; the angle is in radians."""
    if not all(map(math.isfinite, (cx, cy, width, height, angle))):
        return NO_NUMBERS
    across, down = abs(math.cos(angle)), abs(math.sin(angle))
    return Box.from_cxcywh(cx, cy, width * across + height * down, width * down + height * across).xyxy


def around_ellipse(cx: float, cy: float, rx: float, ry: float, angle: float) -> Corners:
    """Return the box around an ellipse with two radii that is turned by an angle in radians."""
    if not all(map(math.isfinite, (cx, cy, rx, ry, angle))):
        return NO_NUMBERS
    across, down = math.cos(angle), math.sin(angle)
    width, height = 2 * math.hypot(rx * across, ry * down), 2 * math.hypot(rx * down, ry * across)
    return Box.from_cxcywh(cx, cy, width, height).xyxy
