"""Which objects satisfy a relation: those that do by a margin, and whether any object is in doubt.

Each relation is read in two ways where people differ (by the centre or by the edge of a box; by the area of
the box or by that of the segment). What the two ways do not agree on is in doubt.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grounding.boxes import Box, Size
from prepare.questions.relations import relation_types as kinds
from prepare.questions.relations.relation_types import Attributes, Relation, Scene, SceneObject

LEAST_GAP = 0.05
"""Centres that are closer than this share of the image's side have no order."""

MOST_SHARED = 0.5
"""Boxes that share more than this part of the shorter one's width have no order from left to right."""

LEAST_SIZE_RATIO = 1.5
"""An area that is less than so many times another one is not larger."""

LEAST_DISTANCE_RATIO = 1.5
"""An object at less than so many times the distance of another one is not farther."""

MOST_OVERLAP = 0.02
"""Boxes that overlap by more than this share of the image's side are not beside each other."""


@dataclass(frozen=True)
class Judged:
    """The positions, in the scene, of the objects that satisfy a relation; `is_clear` if none is in doubt."""

    satisfying: tuple[int, ...]
    is_clear: bool

    @property
    def only(self) -> int | None:
        """The position of the one object that satisfies the relation, None if it is not exactly one."""
        return self.satisfying[0] if self.is_clear and len(self.satisfying) == 1 else None

    @property
    def is_none(self) -> bool:
        """Whether it is clear that no object satisfies the relation."""
        return self.is_clear and not self.satisfying


IN_DOUBT = Judged((), is_clear=False)
NONE = Judged((), is_clear=True)


def judge(relation: Relation, scene: Scene) -> Judged:
    """Return the objects of a scene that satisfy a relation."""
    for label in filter(None, (relation.label, relation.anchor)):
        if label not in scene.complete:
            return NONE if is_absent(label, scene) else IN_DOUBT
    places = scene.places(relation.label)
    items = [scene.objects[place] for place in places]
    if relation.kind in (kinds.LEFT_OF, kinds.RIGHT_OF, kinds.ABOVE, kinds.BELOW):
        anchor = _only_anchor(relation, scene)
        if anchor is None:
            return IN_DOUBT
        return _collect(places, [_is_beside(relation.kind, item.box, anchor, scene.size) for item in items])
    if relation.kind == kinds.ATTRIBUTE:
        return _collect(places, [_has_attributes(relation.attributes, item) for item in items])
    ordinal = relation.ordinal or 1
    if ordinal > len(items):
        return NONE
    comes_before = _order(relation, scene)
    if comes_before is None:
        return IN_DOUBT
    for place, item in zip(places, items, strict=True):
        others = [other for other in items if other is not item]
        before = sum(comes_before(other, item) for other in others)
        after = sum(comes_before(item, other) for other in others)
        if before == ordinal - 1 and after == len(items) - ordinal:
            return Judged((place,), is_clear=True)
    return IN_DOUBT


def is_absent(label: str, scene: Scene) -> bool:
    """Tell whether nothing in the picture can be called by a label: neither a dog nor a hot dog is a dog."""
    return not any(names_overlap(label, other) for other in scene.present)


def names_overlap(one: str, other: str) -> bool:
    """Tell whether one of two labels is the other, or a part of its words."""
    first, second = (f" {' '.join(label.casefold().replace('_', ' ').split())} " for label in (one, other))
    return first in second or second in first


def _collect(places: Sequence[int], verdicts: Sequence[bool | None]) -> Judged:
    """Return the judged objects from a verdict on each; None is a doubt."""
    found = tuple(place for place, verdict in zip(places, verdicts, strict=True) if verdict)
    return Judged(found, is_clear=None not in verdicts)


def _only_anchor(relation: Relation, scene: Scene) -> Box | None:
    places = scene.places(relation.anchor or "")
    return scene.objects[places[0]].box if len(places) == 1 else None


def _is_beside(kind: str, box: Box, anchor: Box, size: Size) -> bool | None:
    """Tell whether a box lies on this side of another one; None if people may differ."""
    is_level = kind in (kinds.LEFT_OF, kinds.RIGHT_OF)
    sign = 1 if kind in (kinds.RIGHT_OF, kinds.BELOW) else -1
    (x, y), (anchor_x, anchor_y) = _centre(box), _centre(anchor)
    along, across = (x - anchor_x, y - anchor_y) if is_level else (y - anchor_y, x - anchor_x)
    side = size.width if is_level else size.height
    if abs(along) < LEAST_GAP * side:
        return None
    (start, end), (anchor_start, anchor_end) = (
        _sides(box, is_level=is_level),
        _sides(anchor, is_level=is_level),
    )
    if sign * along < 0:  # on the other side, if it does not reach over the anchor
        reaches_over = end > anchor_end if sign > 0 else start < anchor_start
        return None if reaches_over else False
    overlap = anchor_end - start if sign > 0 else end - anchor_start
    return True if overlap <= MOST_OVERLAP * side and abs(along) >= abs(across) else None


def _has_attributes(wanted: Attributes, item: SceneObject) -> bool | None:
    """Tell whether an object has all attributes; None if its source does not say, or says something near."""
    verdicts = [_is_same_value(value, item.attributes.get(name)) for name, value in wanted]
    return False if False in verdicts else None if None in verdicts else True


def _is_same_value(value: str, other: str | None) -> bool | None:
    if other is None:
        return None
    first, second = (text.casefold().split() for text in (value, other))
    if first == second:
        return True
    is_near = bool(set(first) & set(second)) or value.casefold() in other.casefold()
    return None if is_near or other.casefold() in value.casefold() else False


def _order(relation: Relation, scene: Scene) -> Callable[[SceneObject, SceneObject], bool] | None:
    """Return when one object clearly comes before another one; None if nothing tells."""
    kind = relation.kind
    if kind in kinds.SIZES:
        is_largest = kind == kinds.LARGEST
        return lambda one, other: _is_larger(*((one, other) if is_largest else (other, one)))
    if kind == kinds.NEAREST:
        anchor = _only_anchor(relation, scene)
        return (
            None if anchor is None else lambda one, other: _is_nearer(one.box, other.box, anchor, scene.size)
        )
    is_level = kind in (kinds.LEFTMOST, kinds.RIGHTMOST, kinds.FROM_LEFT, kinds.FROM_RIGHT)
    is_from_end = kind in (kinds.RIGHTMOST, kinds.BOTTOMMOST, kinds.FROM_RIGHT, kinds.FROM_BOTTOM)
    side = scene.size.width if is_level else scene.size.height

    def comes_before(one: SceneObject, other: SceneObject) -> bool:
        """Tell whether both the centre and the near edge of one box come first, and most of the box."""
        start, end = _sides(one.box, is_level=is_level)
        other_start, other_end = _sides(other.box, is_level=is_level)
        if is_from_end:
            start, end, other_start, other_end = -end, -start, -other_end, -other_start
        gap = (other_start + other_end - start - end) / 2
        shared = min(end, other_end) - max(start, other_start)
        is_apart = shared <= MOST_SHARED * min(end - start, other_end - other_start)
        return is_apart and gap >= LEAST_GAP * side and start <= other_start

    return comes_before


def _is_larger(one: SceneObject, other: SceneObject) -> bool:
    """Tell whether one object is larger by its box and by its stated area, by the margin."""
    stated = [item.area if item.area > 0 else item.box.area for item in (one, other)]
    return one.box.area >= LEAST_SIZE_RATIO * other.box.area and stated[0] >= LEAST_SIZE_RATIO * stated[1]


def _is_nearer(one: Box, other: Box, anchor: Box, size: Size) -> bool:
    """Tell whether one box is nearer to the anchor than another one, by centres and by edges."""
    near, far = (math.dist(_centre(box), _centre(anchor)) for box in (one, other))
    margin = LEAST_GAP * math.hypot(size.width, size.height)
    is_clear = far >= LEAST_DISTANCE_RATIO * near and far - near >= margin
    return is_clear and _gap(one, anchor) <= _gap(other, anchor)


def _gap(one: Box, other: Box) -> float:
    """Return the distance of two boxes' edges, 0 if they touch."""
    across = max(one.x1 - other.x2, other.x1 - one.x2, 0.0)
    down = max(one.y1 - other.y2, other.y1 - one.y2, 0.0)
    return math.hypot(across, down)


def _centre(box: Box) -> tuple[float, float]:
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2


def _sides(box: Box, *, is_level: bool) -> tuple[float, float]:
    return (box.x1, box.x2) if is_level else (box.y1, box.y2)
