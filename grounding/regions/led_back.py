"""Where the words of a description lead: the boxes that they were grounded to, beside the described region.

Preparing data, inference and the app judge by it. The scores of descriptions are another measure: they take
the box with the highest score alone, as scores of referring expressions do.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from grounding.boxes import Box, iou

FOUND_AT = 0.5
"""The IoU from which on a region counts as found again, as in scores of referring expressions."""

SAME_OBJECT = 0.9
"""Boxes with this IoU are one object that an answer names twice."""


@dataclass(frozen=True)
class LedBack:
    """The objects that words lead to.

    `found` are their boxes, without repeated ones; `box` is the one of them that overlaps the region most,
    with its `iou`: None and 0 without any.
    """

    found: tuple[Box, ...]
    box: Box | None
    iou: float

    @property
    def others(self) -> int:
        """The number of objects beside the one at the region."""
        return max(len(self.found) - 1, 0)

    def is_region(self, found_at: float = FOUND_AT) -> bool:
        """Tell whether the words lead to the region, and to no other object."""
        return self.box is not None and self.iou >= found_at and not self.others


def led_back(boxes: Iterable[Box], region: Box) -> LedBack:
    """Return where words lead that were grounded to these boxes; all boxes are in the same pixels."""
    found: list[Box] = []
    for box in boxes:
        if all(iou(box, other) < SAME_OBJECT for other in found):
            found.append(box)
    best = max(found, key=lambda box: iou(box, region), default=None)
    return LedBack(tuple(found), best, 0.0 if best is None else iou(best, region))
