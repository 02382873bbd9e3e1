"""The order of an answer's objects, and how many of them one turn holds."""

from collections.abc import Iterator, Sequence

from grounding.boxes import GridBox, Size, to_grid
from grounding.samples import Detection


def order_detections(detections: Sequence[Detection], order: str, size: Size) -> tuple[Detection, ...]:
    """Return an answer's objects in an order of `prepare.settings.recipe_keys.ORDERS`.

    The order is decided on the 0..1000 grid, which is all that the model sees of a box; ties keep the
    source's order.
    """
    if order == "reading":
        return tuple(sorted(detections, key=lambda detection: _corner(to_grid(detection.box, size))))
    if order == "area":
        return tuple(sorted(detections, key=lambda detection: -_area(to_grid(detection.box, size))))
    return tuple(detections)


def split_turns(detections: Sequence[Detection], max_objects: int | None) -> Iterator[tuple[Detection, ...]]:
    """Yield the objects of each turn, at most `max_objects` per turn; an empty answer is one turn."""
    step = max_objects or max(1, len(detections))
    for start in range(0, max(1, len(detections)), step):
        yield tuple(detections[start : start + step])


def grid_side(box: GridBox) -> int:
    """Return the shorter side of a box, in steps of the grid."""
    return min(box[2] - box[0], box[3] - box[1])


def _corner(box: GridBox) -> tuple[int, int]:
    return box[1], box[0]


def _area(box: GridBox) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
