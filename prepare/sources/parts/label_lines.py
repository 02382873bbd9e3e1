"""The lines of YOLO's label files."""

from collections.abc import Sequence
from dataclasses import dataclass

from grounding.boxes import Box
from prepare.source_types import BoxFormat

OUTLINE_FORMAT = BoxFormat("cxcywh", "relative")
"""The only format in which longer lines have a meaning."""

SHORTEST_OUTLINE = 6
"""The numbers of a triangle."""


@dataclass(frozen=True)
class LabelLines:
    """What the lines of a data set mean; `key_points` is how many numbers of key points follow a box."""

    names: Sequence[str]
    box_format: BoxFormat
    key_points: int = 0

    def read(self, line: str) -> tuple[str | None, list[float]]:
        """Return label and box of a line; the label is None if the index stands for no name.

        Raises:
            ValueError: not numbers, or neither a box nor an outline.
        """
        index, *numbers = map(float, line.split())
        label = self.names[int(index)] if index in range(len(self.names)) else None
        return label, self._box(numbers)

    def _box(self, numbers: list[float]) -> list[float]:
        if len(numbers) == 4 or (len(numbers) == 5 and 0 <= numbers[4] <= 1):  # a confidence
            return numbers[:4]
        if self.key_points:
            if len(numbers) in (4 + self.key_points, 5 + self.key_points):
                return numbers[:4]
            expected = f"a box with kpt_shape's {self.key_points} numbers of key points"
        elif len(numbers) >= SHORTEST_OUTLINE and len(numbers) % 2 == 0 and self.box_format == OUTLINE_FORMAT:
            return list(Box.around(numbers[::2], numbers[1::2]).cxcywh)
        else:
            expected = "a box or an outline"
        raise ValueError(f"{len(numbers)} numbers after the class are not {expected}")


def longer_lines(content: bytes) -> list[list[float]]:
    """Return the numbers after the class of every line of a label file that is longer than a box."""
    found = []
    for line in content.decode("utf-8", "replace").splitlines():
        try:
            numbers = [float(word) for word in line.split()[1:]]
        except ValueError:
            continue  # reading the file names the line
        if len(numbers) > 5:
            found.append(numbers)
    return found


def may_be_key_points(lines: Sequence[Sequence[float]]) -> bool:
    """Tell whether lines that are read as outlines fit as well as boxes followed by key points.

    All are equally long, and all points after the first four numbers lie in the box that these would be.
    """
    return bool(lines) and len({len(numbers) for numbers in lines}) == 1 and all(map(_fits_box, lines))


def _fits_box(numbers: Sequence[float]) -> bool:
    cx, cy, width, height, *points = numbers
    inside = (
        abs(x - cx) <= width / 2 + 1e-6 and abs(y - cy) <= height / 2 + 1e-6
        for x, y in zip(points[::2], points[1::2], strict=True)
    )
    return len(points) > SHORTEST_OUTLINE and all(inside)
