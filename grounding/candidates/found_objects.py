"""The ceiling that a detector sets: which objects have a candidate with an IoU of at least 0.5."""

from collections.abc import Sequence

from grounding.boxes import Box, iou
from grounding.samples import Detection

FOUND_AT = 0.5


def found_objects(
    objects: Sequence[Detection], candidates: Sequence[tuple[Box, str | None]], *, any_label: bool
) -> list[bool]:
    """Return for each object whether a candidate of its own has its box, and its label unless `any_label`.

    Objects and candidates are matched one to one, the best IoU first; boxes are in pixels.
    """
    pairs = [
        (overlap, place, number)
        for place, item in enumerate(objects)
        for number, (box, label) in enumerate(candidates)
        if (any_label or label == item.label) and (overlap := iou(item.box, box)) >= FOUND_AT
    ]
    found, used = set[int](), set[int]()
    for _, place, number in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if place not in found and number not in used:
            found.add(place)
            used.add(number)
    return [place in found for place in range(len(objects))]
