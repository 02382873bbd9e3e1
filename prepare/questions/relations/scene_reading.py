"""From an image's objects to the scene that relations are computed from."""

from collections import Counter
from collections.abc import Mapping, Sequence

from grounding.boxes import Size, to_grid
from grounding.markup import find_markup
from prepare.questions.objects import ImageObjects
from prepare.questions.order import grid_side
from prepare.questions.relations.relation_truth import names_overlap
from prepare.questions.relations.relation_types import Scene, SceneObject

LEAST_SIDE = 20
"""Steps of the grid: of a category with a smaller object nothing is said, as it is easily overlooked."""

MOST_ALIKE = 20
"""Objects of a category, of which nothing is said if there are more: nobody counts them."""

LONGEST_NAME = 60
"""Characters of a category's name in a phrase."""


def read_scene(queries: Sequence[ImageObjects], size: Size, least_side: int) -> Scene:
    """Return the scene of an image whose objects have categories; `least_side` is the recipe's.

    A category is not complete if one of its objects is too small, in a crowd or without a usable box, if
    there are too many of them, or if another category of the picture has its name in its own.
    """
    objects = [item for query in queries for item in _objects_of(query)]
    crowds = {item.label for query in queries for item in query.crowds}
    hidden = crowds.union(*(query.unboxed | query.unusable for query in queries))
    least = max(least_side, LEAST_SIDE)
    small = {item.label for item in objects if grid_side(to_grid(item.box, size)) < least}
    counts = Counter(item.label for item in objects)
    many = {label for label, count in counts.items() if count > MOST_ALIKE}
    present = frozenset(counts) | hidden
    complete = {
        label
        for label in present - hidden - small - many
        if _can_be_named(label) and not any(names_overlap(label, other) for other in present - {label})
    }
    return Scene(size, tuple(objects), frozenset(complete), present)


def _objects_of(query: ImageObjects) -> list[SceneObject]:
    nothing: Mapping[str, str] = {}
    attributes = query.attributes or [nothing] * len(query.detections)
    rows = zip(query.detections, query.areas, attributes, strict=True)
    return [SceneObject(item.label, item.box, area, values) for item, area, values in rows]


def _can_be_named(label: str) -> bool:
    is_word = any(map(str.isalpha, label)) and len(label) <= LONGEST_NAME
    return is_word and "\n" not in label and not find_markup(label)
