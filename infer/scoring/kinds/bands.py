"""The kinds of pictures, objects and categories that are scored apart, each cut into bands of one number.

Sizes are COCO's (cocodataset.org/#detection-eval), frequencies LVIS's (Gupta et al., LVIS, CVPR 2019).
As in COCO, an object of exactly 32 x 32 pixels is both small and medium.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from grounding.boxes import MEDIUM, SMALL, Box


@dataclass(frozen=True)
class Band:
    """What has a number from `low` to `high`, both included."""

    name: str
    low: float
    high: float

    def holds(self, number: float) -> bool:
        """Tell whether a number lies in the band."""
        return self.low <= number <= self.high


@dataclass(frozen=True)
class ObjectKind:
    """A kind of objects: `number_of` gives the number of a box, or of an object's area as annotated."""

    bands: tuple[Band, ...]
    number_of: Callable[[Box, float], float]


def aspect_ratio(width: float, height: float) -> float:
    """Return width / height; infinite for a box without height."""
    return width / height if height > 0 else math.inf


def _ratio_of_box(box: Box, area: float) -> float:
    del area
    return aspect_ratio(box.x2 - box.x1, box.y2 - box.y1)


RATIO_BANDS = (
    Band("under 1:4", -math.inf, math.nextafter(0.25, 0)),
    Band("1:4 to 1:2", 0.25, math.nextafter(0.5, 0)),
    Band("1:2 to 2:1", 0.5, 2),
    Band("2:1 to 4:1", math.nextafter(2, 3), 4),
    Band("over 4:1", math.nextafter(4, 5), math.inf),
)
"""Width to height."""

OBJECT_KINDS = {
    "object size": ObjectKind(
        (
            Band("small (to 32 x 32)", 0, SMALL),
            Band("medium (to 96 x 96)", SMALL, MEDIUM),
            Band("large", MEDIUM, 1e10),
        ),
        lambda box, area: area,
    ),
    "object width : height": ObjectKind(RATIO_BANDS, _ratio_of_box),
}
"""Detections count in the band of the object that they fit, or in their own."""

OBJECTS_AN_IMAGE = "objects an image"
IMAGE_RATIO = "image width : height"
IMAGE_KINDS = {
    OBJECTS_AN_IMAGE: (
        Band("none", 0, 0),
        Band("1", 1, 1),
        Band("2 to 4", 2, 4),
        Band("5 to 9", 5, 9),
        Band("10 to 19", 10, 19),
        Band("20 to 49", 20, 49),
        Band("50 or more", 50, math.inf),
    ),
    IMAGE_RATIO: RATIO_BANDS,
}

FREQUENCY = "category frequency"
FREQUENCIES = (
    Band("not in training", 0, 0),
    Band("rare (1 to 10 images)", 1, 10),
    Band("common (11 to 100)", 11, 100),
    Band("frequent (over 100)", 101, math.inf),
)
"""Images of the training split with an object of the category."""
