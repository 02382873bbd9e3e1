"""A check of many boxes: do they contradict the format that is stated?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grounding.boxes import BOX_ORDERS, GRID, Box, Size, read_box
from grounding.errors import UserError

LARGEST = {"relative": 1.0, "grid": float(GRID)}
TOLERANCE = 1.01
"""Factor: annotation tools round, and let boxes stick out of the image a little."""
SLACK = TOLERANCE - 1

FEWEST_MISFITS, SUSPICIOUS_SHARE = 2, 0.01
"""So many boxes that do not fit their images make the order doubtful, if all fit in another one."""


@dataclass
class BoxCheck:
    """Counts over boxes of this order and units, and the first row of each kind that contradicts them.

    `remedy` says what to do; None where the keys `source.boxes` and `source.units` state the format.
    """

    order: str
    units: str
    remedy: str | None = None
    boxes: int = 0
    upside_down: int = 0
    outside: int = 0
    within_one: int = 0
    misfits: int = 0
    fitting: set[str] = field(default_factory=set)
    first: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with the orders that are not stated."""
        self.fitting = set(BOX_ORDERS) - {self.order}

    def add(self, numbers: Any, size: Size | None, where: str) -> None:
        """Count a box; anything that is not four finite numbers is skipped.

        Raises:
            UserError: a number is larger than the units allow.
        """
        # Every box of a source comes by: `type` spares the slow test for Sequence, and the orders that a
        # box rules out are looked at no more.
        if type(numbers) is not list and not isinstance(numbers, Sequence):
            return
        if len(numbers) != 4 or None in numbers:
            return
        units = self.units
        box = read_box(numbers, self.order, units, size or Size(GRID, GRID))
        if not box.is_finite:
            return
        largest = LARGEST.get(units)
        if largest is not None and max(numbers) > largest * TOLERANCE:
            raise UserError(
                f"{where}: box {_show(numbers)}: source.units={units} has numbers up to {largest:g}: "
                "set source.units to what the file holds"
            )
        self.boxes += 1
        is_outside = size is not None and _sticks_out(box, size)
        self.misfits += not box.has_area or is_outside
        if size is not None and self.fitting:
            self.fitting = {each for each in self.fitting if fits_image(numbers, each, units, size)}
        if not box.has_area:
            self.upside_down += 1
            self.first.setdefault("upside_down", f"{where}: box {_show(numbers)}")
        elif is_outside and size is not None:
            self.outside += 1
            self.first.setdefault(
                "outside", f"{where}: box {_show(numbers)} of an image {size.width}x{size.height}"
            )
        if max(numbers) <= 1 and min(numbers) >= 0:
            self.within_one += 1
            self.first.setdefault("within_one", f"{where}: box {_show(numbers)}")

    def _likelier_order(self) -> str | None:
        """Return an order in which all boxes fit their images, if too many do not fit in the stated one."""
        is_suspicious = self.misfits >= max(FEWEST_MISFITS, SUSPICIOUS_SHARE * self.boxes)
        likelier = next((order for order in BOX_ORDERS if order in self.fitting), None)
        return likelier if is_suspicious else None

    def finish(self) -> None:
        """Judge all boxes.

        Raises:
            UserError: most boxes are upside down or stick out of their images, or some do and all fit in
                another order, or all "pixels" are below 1.
        """
        order, units = self.order, self.units
        hint = (
            f"all of them fit as {likelier}: {self.remedy or f'set source.boxes={likelier}'}"
            if (likelier := self._likelier_order())
            else ""
        )
        if self.upside_down and (hint or 2 * self.upside_down > self.boxes):
            raise UserError(
                f"{self.first['upside_down']} is upside down as {order}, as are {self.upside_down} of "
                f"{self.boxes} boxes: {hint or self.remedy or 'set source.boxes to what the file holds'}"
            )
        if self.outside and (hint or 2 * self.outside > self.boxes):
            raise UserError(
                f"{self.first['outside']} reaches out of its image as {order} in {units}, as do "
                f"{self.outside} of {self.boxes} boxes: "
                f"{hint or self.remedy or 'set source.boxes, source.units to what the file holds'}"
            )
        if self.boxes and self.within_one == self.boxes and units in ("pixels", "pixels_from_1", "grid"):
            stated = "" if self.remedy else f", but source.units={units}"
            raise UserError(
                f"{self.first['within_one']} has no number above 1, as has none of {self.boxes} "
                f"boxes{stated}: {self.remedy or 'set source.units=relative if the file holds shares'}"
            )


def _sticks_out(box: Box, size: Size) -> bool:
    right, below = size.width * SLACK + 1, size.height * SLACK + 1
    return box.x2 > size.width + right or box.y2 > size.height + below or box.x1 < -right or box.y1 < -below


def fits_image(numbers: Sequence[float], order: str, units: str, size: Size) -> bool:
    """Tell whether four numbers are a box with an area that lies in an image of this size, or nearly so."""
    box = read_box(numbers, order, units, size)
    return box.has_area and not _sticks_out(box, size)


def _show(numbers: Sequence[float]) -> str:
    return f"[{', '.join(f'{float(number):g}' for number in numbers)}]"
