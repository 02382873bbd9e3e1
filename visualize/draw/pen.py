"""The widths of lines and letters, by the size of the picture."""

import math
from dataclasses import dataclass

from grounding.boxes import Size

LINES_PER_SIDE = 200
"""A picture's side is this many lines wide."""

LETTERS_PER_SIDE = 36
"""A picture's side is this many font sizes long."""

SMALLEST_FONT = 9
THIN_FONT = 0.8
READABLE_FONT = 13
"""Panels of a sheet get at least this font size, limited to a 24th of the panel's side."""


@dataclass(frozen=True)
class Pen:
    """Sizes in pixels: the line of a box, the edge around that line, the font, the padding of a label."""

    line: int
    edge: int
    font: int
    padding: int

    def thinner(self) -> "Pen":
        """Return the widths for what is drawn under other boxes."""
        font = max(SMALLEST_FONT, round(THIN_FONT * self.font))
        return Pen(max(1, self.line // 2), 0, font, max(1, round(font / 8)))


def pen_for(size: Size) -> Pen:
    """Return the widths that suit a picture of this size."""
    side = math.sqrt(size.width * size.height)
    line = max(1, round(side / LINES_PER_SIDE))
    font = max(SMALLEST_FONT, round(side / LETTERS_PER_SIDE), min(READABLE_FONT, round(side / 24)))
    return Pen(line, 0 if side < 160 else max(1, round(line / 3)), font, max(1, round(font / 5)))
