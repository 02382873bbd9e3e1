"""Where labels go: inside the image, near their boxes, and not on top of each other."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Rect = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are the first pixels outside."""

Places = npt.NDArray[np.float64]
"""Top left corners, shape (n, 2), the preferred ones first."""

SLIDES = 7
"""Positions tried along each side of a box."""

REACH = 7
"""When all near places are taken, a label may be this many label heights away from its box."""

NEAR_REACH = 2
"""The same for a label that may be left out: whose number it is has to be plain at a glance."""

MOST_HIDDEN = 0.1
"""A label that may be left out hides at most this share of any box."""

HIDDEN_LABEL_COST = 1e6
"""Larger than all other costs together: a place that covers no label always wins."""

HIDDEN_OBJECT_COST = 60.0
ORDER_COST = 1.0


def place_labels(
    boxes: Sequence[Rect],
    sizes: Sequence[tuple[int, int]],
    width: int,
    height: int,
    taken: Sequence[Rect] = (),
    others: Sequence[Rect] = (),
    *,
    may_lack: bool = False,
) -> list[Rect | None]:
    """Return a place for the label of each box, in the order of the boxes.

    `sizes` holds the labels' widths and heights. All places lie inside the image of `width` x `height`
    pixels; a label larger than the image is cut. Labels cover each other only if no place within reach is
    free, and then as little as possible. Nor do they cover the places in `taken`. `others` are further boxes
    of which they hide as little as they can. With `may_lack`, a label that would cover another one, or hide
    more than MOST_HIDDEN of a box, has None.
    """
    objects = np.array([*boxes, *others], dtype=np.float64).reshape(-1, 4)
    labels = np.array(taken, dtype=np.float64).reshape(-1, 4)
    placed: dict[int, Rect | None] = {}
    most_hidden = MOST_HIDDEN if may_lack else 1.0
    # Small boxes go first: large ones have more places to choose from.
    for index in np.argsort(_areas(objects[: len(boxes)]), kind="stable").tolist():
        label_width, label_height = min(sizes[index][0], width), min(sizes[index][1], height)
        extent, last = (label_width, label_height), (width - label_width, height - label_height)
        near = _rects(_near_places(boxes[index], *extent), extent, last)
        best, fits = _cheapest(near, labels, objects, most_hidden)
        if not fits:
            far = _far_places(boxes[index], *extent, reach=NEAR_REACH if may_lack else REACH)
            both = np.vstack([near, _rects(far, extent, last)])
            best, fits = _cheapest(both, labels, objects, most_hidden)
        if may_lack and not fits:
            placed[index] = None
            continue
        labels = np.vstack([labels, best])
        left, top, right, bottom = (int(value) for value in best)
        placed[index] = (left, top, right, bottom)
    return [placed[index] for index in range(len(boxes))]


def _rects(places: Places, extent: tuple[int, int], last: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return labels of this width and height at these places, moved inside the image; `last` is its end."""
    inside = np.clip(np.round(places), 0, last)
    return np.hstack([inside, inside + extent])


def _areas(rects: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sides = np.maximum(rects[:, 2:] - rects[:, :2], 1)
    areas: npt.NDArray[np.float64] = sides[:, 0] * sides[:, 1]
    return areas


def crowding(boxes: Sequence[Rect], sizes: Sequence[tuple[int, int]]) -> float:
    """Return the average share of a label's surroundings that other labels would fill (1: no room left).

    The surroundings are three labels wide and six labels high, around the top left corner of the box.
    """
    corners = np.array([box[:2] for box in boxes], dtype=np.float64).reshape(-1, 2)
    extents = np.array(sizes, dtype=np.float64).reshape(-1, 2)
    apart = np.abs(corners[:, None] - corners[None])
    near = (apart < extents[:, None] * (1.5, 3.0)).all(axis=2)
    return float((near.sum(axis=1) - 1).mean() / 18) if len(boxes) else 0.0


def overlaps(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the area that each pair of boxes shares, shapes (n, 4), (m, 4) -> (n, m)."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    common: npt.NDArray[np.float64] = sides[..., 0] * sides[..., 1]
    return common


def _cheapest(
    rects: npt.NDArray[np.float64],
    labels: npt.NDArray[np.float64],
    objects: npt.NDArray[np.float64],
    most_hidden: float,
) -> tuple[npt.NDArray[np.float64], bool]:
    """Return the best place, and whether it covers no label and hides at most this share of each box."""
    on_labels = overlaps(rects, labels).sum(axis=1) / _areas(rects)
    hidden = overlaps(rects, objects) / _areas(objects)
    hides_much = hidden.max(axis=1) > most_hidden
    cost = HIDDEN_LABEL_COST * (on_labels + hides_much) + HIDDEN_OBJECT_COST * hidden.sum(axis=1)
    cost += ORDER_COST * np.arange(len(rects))
    best = int(np.argmin(cost))
    return rects[best], not (on_labels[best] > 0 or hides_much[best])


def _near_places(box: Rect, width: int, height: int) -> Places:
    """Return places that touch the box: above, inside the top, below, inside the bottom, beside."""
    left, top, right, bottom = box
    across = np.linspace(left, max(right - width, left), SLIDES)
    down = np.linspace(top, max(bottom - height, top), SLIDES)
    corners = [(left, top - height), (left, top), (right - width, top - height), (right - width, top)]
    corners += [(left, bottom), (left, bottom - height), (right - width, bottom)]
    corners += [(right - width, bottom - height), (right, top), (left - width, top)]
    tops, lefts = (top - height, top, bottom, bottom - height), (left, right - width, right, left - width)
    rows = [np.column_stack([across, np.full(SLIDES, y)]) for y in tops]
    columns = [np.column_stack([np.full(SLIDES, x), down]) for x in lefts]
    return np.vstack([np.array(corners, dtype=np.float64), *rows, *columns])


def _far_places(box: Rect, width: int, height: int, reach: int) -> Places:
    """Return places around the box, nearest first, up to `reach` label heights away."""
    left, top, right, bottom = box
    step = max(height, 1)
    ys = np.arange(float(top - reach * step), bottom + (reach - 1) * step + 1, step / 2)
    xs = np.arange(float(left - reach * step - width), right + reach * step + 1, step)
    # A coarse search is enough for a large box.
    grid_x, grid_y = np.meshgrid(_thinned(xs), _thinned(ys))
    places = np.column_stack([grid_x.ravel(), grid_y.ravel()])
    apart_x = np.maximum(np.maximum(left - (places[:, 0] + width), places[:, 0] - right), 0)
    apart_y = np.maximum(np.maximum(top - (places[:, 1] + height), places[:, 1] - bottom), 0)
    nearest: Places = places[np.argsort(apart_x + apart_y, kind="stable")]
    return nearest


def _thinned(values: npt.NDArray[np.float64], most: int = 40) -> npt.NDArray[np.float64]:
    return values[:: -(-len(values) // most)]
