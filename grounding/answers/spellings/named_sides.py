"""Boxes whose numbers have names: `x1`, `xmin` or `left`, in objects and in tags."""

from collections.abc import Mapping
from typing import Any

from grounding.answers.spellings.loose_json import LooseList, LooseText, read_shares

_SIDES = (
    (("x1", "x_1", "xmin", "x_min", "left"), ("y1", "y_1", "ymin", "y_min", "top")),
    (("x2", "x_2", "xmax", "x_max", "right"), ("y2", "y_2", "ymax", "y_max", "bottom")),
)
_X0_SIDES = (("x0",), ("y0",), ("x1",), ("y1",))
_CORNERS = (("top_left", "topleft", "upper_left"), ("bottom_right", "bottomright", "lower_right"))
_CORNER_AND_SIZE = (
    ("x", "left", "xmin", "x_min"),
    ("y", "top", "ymin", "y_min"),
    ("width", "w"),
    ("height", "h"),
)
_NAMES = frozenset(name for names in (*_SIDES[0], *_X0_SIDES, *_CORNERS, *_CORNER_AND_SIZE) for name in names)
"""At least one of these is the name of a box's first side or corner."""


def plain_key(key: str) -> str:
    """Return a key in the spelling of `grounding.answers.forms`: Bbox-2d and bbox 2d are bbox_2d."""
    return key.strip(" `*'\"").lower().replace("\\", "").replace("-", "_").replace(" ", "_")


def find_sides(values: Mapping[str, Any]) -> tuple[list[float], str] | None:
    """Return the numbers of a box whose sides or corners have names, and their order; None without them.

    The keys are those of `plain_key`.
    """
    if _NAMES.isdisjoint(values):
        return None
    if "x0" in values and "x2" not in values:
        return _numbers(values, _X0_SIDES, "xyxy")
    (lefts, tops), (rights, bottoms) = _SIDES
    return (
        _numbers(values, (lefts, tops, rights, bottoms), "xyxy")
        or _corners(values)
        or _numbers(values, _CORNER_AND_SIZE, "xywh")
    )


def _numbers(
    values: Mapping[str, Any], names: tuple[tuple[str, ...], ...], order: str
) -> tuple[list[float], str] | None:
    numbers = [
        number
        for side in names
        if (number := next((as_number(values[name]) for name in side if name in values), None)) is not None
    ]
    return (numbers, order) if len(numbers) == 4 else None


def _corners(values: Mapping[str, Any]) -> tuple[list[float], str] | None:
    corners = [next((values[name] for name in names if name in values), None) for names in _CORNERS]
    numbers: list[float] = []
    for corner in corners:
        if isinstance(corner, dict):
            corner = [{plain_key(key): value for key, value in corner.items()}.get(side) for side in "xy"]
        if not isinstance(corner, list) or len(corner) != 2:
            return None
        numbers += [number for value in corner if (number := as_number(value)) is not None]
    return (numbers, "xyxy") if len(numbers) == 4 else None


def as_number(value: Any) -> float | None:
    """Return a number, or the number that is all of a text."""
    if isinstance(value, float):
        return value
    if isinstance(value, LooseText):
        found = list(read_shares(value.plain, value.span[0]))
        if len(found) == 1 and found[0].span[1] - found[0].span[0] == len(value.plain.strip()):
            return found[0]
    return None


def as_numbers(value: Any) -> list[float] | None:
    """Return the numbers of a list of numbers, or of texts that are numbers; None for another value."""
    if not isinstance(value, LooseList):
        return None
    if set(map(type, value)) == {float}:
        return list(value)
    numbers = [number for item in value if (number := as_number(item)) is not None]
    return numbers if len(numbers) == len(value) else None
