"""What a box head learns from: a model's own boxes, their hidden states, and the objects that they match."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.boxes import MEDIUM, SMALL, Box, Size
from grounding.matching import pair_by_label
from grounding.samples import Detection

MATCHED = 0.5
"""A box matches an object of its label from this IoU on."""

MOST_BALANCE = 3.0
"""A box of a rare size counts at most this often: a handful of boxes would drown the others."""


@dataclass(frozen=True, eq=False)
class LearnedBoxes:
    """Boxes as numpy arrays with a row each.

    `states` are (boxes, places, width) in float16. `written` and `wanted` are (boxes, 4), xyxy as shares of
    the image; `wanted` is the matched object's box where `matched` (boxes,) is 1, and zeros where it is 0.
    `areas` (boxes,) are those of the object, or of the written box without one, in square pixels. `images`
    (boxes,) number the images.
    """

    states: Any
    written: Any
    wanted: Any
    matched: Any
    areas: Any
    images: Any

    @property
    def count(self) -> int:
        """The number of boxes."""
        return len(self.matched)

    def chosen(self, rows: Any) -> "LearnedBoxes":
        """Return the boxes of a mask or of row numbers."""
        return LearnedBoxes(*(values[rows] for values in self.columns()))

    def columns(self) -> tuple[Any, ...]:
        """Return the arrays, in the order of the fields."""
        return self.states, self.written, self.wanted, self.matched, self.areas, self.images


def match_with_truth(found: Sequence[Detection], objects: Sequence[Detection]) -> list[Box | None]:
    """Return the box of the object that each detection matches, None without one.

    A pair has one label and an IoU of `MATCHED` or more; the best pairs are matched first, each object once.
    """
    matched: list[Box | None] = [None] * len(found)
    for row, column, _ in pair_by_label(found, objects, MATCHED):
        matched[row] = objects[column].box
    return matched


def learn_boxes(
    found: Sequence[Detection], objects: Sequence[Detection], states: Any, size: Size, image: int
) -> LearnedBoxes:
    """Return the boxes of one answer; those of `found` and `objects` are shares of an image of this size."""
    import numpy as np

    matched = match_with_truth(found, objects)
    pixels = size.width * size.height
    return LearnedBoxes(
        np.asarray(states, "float16"),
        np.array([item.box.xyxy for item in found], "float32"),
        np.array([(0.0,) * 4 if box is None else box.xyxy for box in matched], "float32"),
        np.array([box is not None for box in matched], "float32"),
        np.array(
            [(box or item.box).area * pixels for box, item in zip(matched, found, strict=True)], "float32"
        ),
        np.full(len(found), image, "int64"),
    )


def no_boxes() -> LearnedBoxes:
    """Return no box."""
    import numpy as np

    sides, numbers = np.zeros((0, 4), "float32"), np.zeros(0, "float32")
    states = np.zeros((0, 0, 0), "float16")
    return LearnedBoxes(states, sides, sides, numbers, numbers, numbers.astype("int64"))


def join_boxes(parts: Sequence[LearnedBoxes]) -> LearnedBoxes:
    """Return the boxes of all parts, of which there is one at least."""
    import numpy as np

    return LearnedBoxes(*map(np.concatenate, zip(*(part.columns() for part in parts), strict=True)))


def balanced_shares(areas: Any) -> Any:
    """Return how much each box counts, (boxes,): small, medium and large ones the same together.

    The mean is 1 but for `MOST_BALANCE`. Sizes that no box has do not count.
    """
    import numpy as np

    bands = np.digitize(areas, [SMALL, MEDIUM], right=True)
    counts = np.bincount(bands, minlength=3)
    shares = len(areas) / (np.count_nonzero(counts) * counts[bands])
    return np.minimum(shares, MOST_BALANCE).astype("float32")


def held_out_rows(images: Any, share: float, seed: int) -> Any:
    """Return a mask (boxes,) of those that are held out: all boxes of a share of the images.

    At least one image is held out, and one is not, if there are two.
    """
    import numpy as np

    known = np.unique(images)
    count = min(max(1, round(share * len(known))), len(known) - 1)
    chosen = np.random.default_rng(seed).permutation(known)[:count]
    return np.isin(images, chosen)
