"""What a relation says about one object of an image, and the objects that it is said of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from grounding.boxes import Box, Size

LEFTMOST, RIGHTMOST, TOPMOST, BOTTOMMOST = EXTREMES = ("leftmost", "rightmost", "topmost", "bottommost")
LARGEST, SMALLEST = SIZES = ("largest", "smallest")
FROM_LEFT, FROM_RIGHT, FROM_TOP, FROM_BOTTOM = ORDINALS = (
    "from_left",
    "from_right",
    "from_top",
    "from_bottom",
)
LEFT_OF, RIGHT_OF, ABOVE, BELOW = SIDES = ("left_of", "right_of", "above", "below")
NEAREST = "nearest"
ATTRIBUTE = "attribute"
RELATION_GROUPS = (EXTREMES, SIZES, ORDINALS, SIDES, (NEAREST,), (ATTRIBUTE,))
"""The kinds of relations, alike ones together."""

Attributes = tuple[tuple[str, str], ...]
"""Names and values of attributes."""


@dataclass(frozen=True)
class Relation:
    """What a phrase says of an object with this label; the kinds are those of RELATION_GROUPS.

    `anchor` is the label of the object that SIDES and NEAREST relate it to, `ordinal` its place of ORDINALS,
    counted from 1, and `attributes` are those that an ATTRIBUTE names.
    """

    kind: str
    label: str
    anchor: str | None = None
    ordinal: int | None = None
    attributes: Attributes = ()


@dataclass(frozen=True)
class SceneObject:
    """An object with its box in pixels, and its area in square pixels as the source states it."""

    label: str
    box: Box
    area: float
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """The objects of an image, in the source's order.

    `complete` are the labels of which all objects are known, each large enough to be named: of them alone
    something can be said. `present` are all labels of things that are somewhere in the picture.
    """

    size: Size
    objects: tuple[SceneObject, ...]
    complete: frozenset[str]
    present: frozenset[str]

    def places(self, label: str) -> list[int]:
        """Return the positions of the objects with a label."""
        return [place for place, item in enumerate(self.objects) if item.label == label]
