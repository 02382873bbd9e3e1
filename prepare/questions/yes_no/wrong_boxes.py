"""Boxes and labels that are wrong on purpose, for questions whose answer is no."""

from collections.abc import Iterable, Sequence

from grounding.boxes import Box, GridBox, Size, from_grid, iou, to_grid
from grounding.prompts import draw
from grounding.samples import Detection
from prepare.questions.negatives import MIXED, TrainingStatistics, pick
from prepare.questions.order import grid_side

WRONG_BELOW = 0.3
"""A box is wrong for a label if its IoU with every object of the label is below this. From here to 0.5, where
scoring begins to call a box right, it is neither: no question is asked about such a box."""

REACH = 1.2
"""A shifted box's centre moves by up to this share of the box's width and height."""

SMALLEST, LARGEST = 0.7, 1.3
"""The sides of a shifted box are this much of the object's."""

KEPT_INSIDE = 0.6
"""A shifted box of which less lies inside the image is not taken: the border would give it away."""

ATTEMPTS = 40


def shift_box(
    box: Box, size: Size, same_label: Sequence[Box], least: int, key: Sequence[object]
) -> GridBox | None:
    """Return a box near to an object that is wrong for its label, on the 0..1000 grid; None if none is found.

    `same_label` are the boxes of all objects of the label, in pixels, `box` one of them; `least` is the
    shortest side in steps of the grid. The result depends on the arguments alone.
    """
    middle_x, middle_y, width, height = box.cxcywh
    for attempt in range(ATTEMPTS):
        right, down, wide, high = (draw(*key, attempt, part) / 2**64 for part in range(4))
        moved = Box.from_cxcywh(
            middle_x + REACH * (2 * right - 1) * width,
            middle_y + REACH * (2 * down - 1) * height,
            width * (SMALLEST + (LARGEST - SMALLEST) * wide),
            height * (SMALLEST + (LARGEST - SMALLEST) * high),
        )
        inside = moved.clipped(size)
        if inside.area < KEPT_INSIDE * moved.area:
            continue
        on_grid = to_grid(inside, size)
        if grid_side(on_grid) >= max(least, 1) and is_wrong(from_grid(*on_grid, size), same_label):
            return on_grid
    return None


def is_wrong(box: Box, others: Iterable[Box]) -> bool:
    """Tell whether a box is nowhere near any of the others."""
    return all(iou(box, other) < WRONG_BELOW for other in others)


def choose_other_label(
    box: Box,
    known: Sequence[Detection],
    unboxed: frozenset[str],
    statistics: TrainingStatistics | None,
    key: Sequence[object],
) -> str | None:
    """Return a label that is wrong for a box; None if there is none.

    `known` are all labelled objects and crowds of the image, `unboxed` the categories that are somewhere in
    it. Half of the labels are those of other objects in the image, away from this box. The other half are
    categories that are not in the image, chosen as absent categories are (`prepare.questions.negatives`,
    "mixed"): at random, by frequency, or as they occur together with those that are. Without `statistics`,
    for referring expressions, all are of the image: what is said of another image may be true here, too.
    """
    labels = dict.fromkeys(item.label for item in known)
    elsewhere = [
        label
        for label in labels
        if label not in unboxed and is_wrong(box, (item.box for item in known if item.label == label))
    ]
    if statistics is None or (elsewhere and draw(*key, "elsewhere") % 2):
        return elsewhere[draw(*key, "label") % len(elsewhere)] if elsewhere else None
    counts, present = statistics.co_occurrence, frozenset(labels) | unboxed
    absent = pick(1, MIXED, lambda choice: counts.rank(choice, present, key), key)
    if absent:
        return absent[0][0]
    return elsewhere[draw(*key, "label") % len(elsewhere)] if elsewhere else None
