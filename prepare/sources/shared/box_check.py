"""A check of a whole split: do the boxes contradict the format that the recipe states?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grounding.boxes import GRID, Size, read_box
from grounding.errors import UserError
from prepare.source_types import BoxFormat

LARGEST = {"relative": 1.0, "grid": float(GRID)}
TOLERANCE = 1.01
"""Factor: annotation tools round, and let boxes stick out of the image a little."""


@dataclass
class BoxCheck:
    """Counts over the boxes of a split, and the first row of each kind that contradicts the format."""

    format: BoxFormat
    boxes: int = 0
    upside_down: int = 0
    outside: int = 0
    within_one: int = 0
    first: dict[str, str] = field(default_factory=dict)

    def add(self, numbers: Any, size: Size | None, where: str) -> None:
        """Count a box; anything that is not four finite numbers is skipped.

        Raises:
            UserError: a number is larger than the units allow.
        """
        if not isinstance(numbers, Sequence) or len(numbers) != 4 or None in numbers:
            return
        units = self.format.units
        box = read_box(numbers, self.format.order, units, size or Size(GRID, GRID))
        if not box.is_finite:
            return
        largest = LARGEST.get(units)
        if largest is not None and max(numbers) > largest * TOLERANCE:
            raise UserError(
                f"{where}: box {_show(numbers)}: source.units={units} has numbers up to {largest:g}: "
                "set source.units to what the file holds"
            )
        self.boxes += 1
        if not box.has_area:
            self.upside_down += 1
            self.first.setdefault("upside_down", f"{where}: box {_show(numbers)}")
        elif size is not None and (
            box.x2 > size.width * TOLERANCE + 1 or box.y2 > size.height * TOLERANCE + 1
        ):
            self.outside += 1
            self.first.setdefault(
                "outside", f"{where}: box {_show(numbers)} of an image {size.width}x{size.height}"
            )
        if min(numbers) >= 0 and max(numbers) <= 1:
            self.within_one += 1
            self.first.setdefault("within_one", f"{where}: box {_show(numbers)}")

    def finish(self) -> None:
        """Judge the split.

        Raises:
            UserError: most boxes are upside down or stick out of their images, or all "pixels" are below 1.
        """
        order, units = self.format.order, self.format.units
        if 2 * self.upside_down > self.boxes:
            raise UserError(
                f"{self.first['upside_down']} is upside down as {order}, as are {self.upside_down} of "
                f"{self.boxes} boxes: set source.boxes to what the file holds"
            )
        if 2 * self.outside > self.boxes:
            raise UserError(
                f"{self.first['outside']} reaches out of its image as {order} in {units}, as do "
                f"{self.outside} of {self.boxes} boxes: set source.boxes, source.units to what the file holds"
            )
        if self.boxes and self.within_one == self.boxes and units in ("pixels", "pixels_from_1", "grid"):
            raise UserError(
                f"{self.first['within_one']} has no number above 1, as has none of {self.boxes} boxes, but "
                f"source.units={units}: set source.units=relative if that is what the file holds"
            )


def _show(numbers: Sequence[float]) -> str:
    return f"[{', '.join(f'{float(number):g}' for number in numbers)}]"
