"""Where the views of a picture lie: overlapping tiles, or the surroundings of boxes, on the 0..1000 grid."""

import itertools
import math
from collections.abc import Iterable

from grounding.boxes import GRID, GridBox, Size
from grounding.views.view_settings import GLOBAL_AND_OBJECTS, GLOBAL_AND_TILES, ViewSettings

LEAST_SIDE = GRID // 10
"""The shortest side of the surroundings of a box, in steps of the grid."""


def choose_regions(settings: ViewSettings, size: Size, boxes: Iterable[GridBox] = ()) -> tuple[GridBox, ...]:
    """Return the regions of a picture that its views show, in reading order; () for the whole picture alone.

    `boxes` are those of the candidates that the question lists, in any order.
    """
    if settings.views == GLOBAL_AND_TILES:
        return tile_regions(settings, size)
    return object_regions(settings, boxes) if settings.views == GLOBAL_AND_OBJECTS else ()


def tile_regions(settings: ViewSettings, size: Size) -> tuple[GridBox, ...]:
    """Return overlapping tiles that cover a picture; () where one tile would be the whole picture."""
    columns, rows = (_tiles_along(settings, length) for length in (size.width, size.height))
    while columns * rows > settings.view_most:
        # The side with the shorter tiles loses one: tiles stay near to squares.
        is_wide = size.width / columns < size.height / rows
        columns, rows = (columns - 1, rows) if rows == 1 or (is_wide and columns > 1) else (columns, rows - 1)
    if columns * rows == 1:
        return ()
    across, down = (_sides(count, settings.view_overlap) for count in (columns, rows))
    return tuple((x1, y1, x2, y2) for (y1, y2), (x1, x2) in itertools.product(down, across))


def object_regions(settings: ViewSettings, boxes: Iterable[GridBox]) -> tuple[GridBox, ...]:
    """Return the surroundings of boxes, of the smallest first: they gain most from a closer look.

    A box that a region shows already adds none, nor one whose surroundings are more than half of the picture.
    """
    regions: list[GridBox] = []
    for box in sorted(boxes, key=lambda box: (_area(box), box)):
        left, right = _around(box[0], box[2], settings.view_context)
        top, bottom = _around(box[1], box[3], settings.view_context)
        is_shown = any(_contains(region, box) for region in regions)
        if (
            len(regions) < settings.view_most
            and not is_shown
            and 2 * _area((left, top, right, bottom)) <= GRID**2
        ):
            regions.append((left, top, right, bottom))
    return tuple(sorted(regions, key=lambda region: (region[1], region[0], region[3], region[2])))


def region_pixels(region: GridBox, size: Size) -> tuple[int, int, int, int]:
    """Return the pixels of a picture that a region touches: left, top, right, bottom."""
    x1, y1, x2, y2 = region
    return (
        x1 * size.width // GRID,
        y1 * size.height // GRID,
        -(-x2 * size.width // GRID),
        -(-y2 * size.height // GRID),
    )


def _tiles_along(settings: ViewSettings, length: int) -> int:
    if settings.view_size is None:
        return settings.view_tiles
    if length <= settings.view_size:
        return 1
    tile, overlap = settings.view_size, settings.view_overlap
    return math.ceil((length / tile - overlap) / (1 - overlap))


def _sides(count: int, overlap: float) -> list[tuple[int, int]]:
    """Return the first and last step of each of some tiles along one side."""
    side = round(GRID / (count - (count - 1) * overlap))
    starts = [0] if count == 1 else [round(number * (GRID - side) / (count - 1)) for number in range(count)]
    return [(start, start + side) for start in starts]


def _around(first: int, last: int, context: float) -> tuple[int, int]:
    """Return a side of a box's surroundings, which are moved into the picture where they stick out."""
    length = min(GRID, max(LEAST_SIDE, round((last - first) * context)))
    start = min(max(0, round((first + last - length) / 2)), GRID - length)
    return start, start + length


def _area(box: GridBox) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _contains(region: GridBox, box: GridBox) -> bool:
    return region[0] <= box[0] and region[1] <= box[1] and region[2] >= box[2] and region[3] >= box[3]
