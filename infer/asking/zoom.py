"""A second look at parts of an image, each at full resolution, for objects that are small in the whole."""

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.samples import Detection
from infer.asking.answered import Answered, Ask, Item
from infer.asking.combining import join, suppress

TILES = 2
OVERLAP = 0.25
"""Tiles a side, and the share of a tile that it shares with its neighbour."""

CONTEXT = 2.0
"""A region around a box is so many times its size."""

BORDER_SHARE = 0.02
"""A box this near to a tile's inner border, as a share of the tile's side, may be cut off by it."""


def look_closer(
    ask: Ask, items: Sequence[Item], answered: Sequence[Answered], regions: str
) -> list[Answered]:
    """Ask the same question about regions of each image, and merge what is found with the first look.

    `regions` "tiles" is a grid of overlapping tiles, "boxes" the surroundings of what was found at first.
    Boxes of a closer look come before those of the first in the merge, for they are measured more finely;
    those that a region's border may have cut off come last.
    """
    with tempfile.TemporaryDirectory(prefix="zoom_") as folder:
        parts: list[tuple[int, Box, Item]] = []
        for index, (item, first) in enumerate(zip(items, answered, strict=True)):
            chosen = tiles(item.size) if regions == "tiles" else surroundings(first.detections, item.size)
            crops = write_crops(item, chosen, Path(folder), index)
            parts += [(index, region, crop) for region, crop in zip(chosen, crops, strict=True)]
        closer = ask([crop for _, _, crop in parts])
    found: list[list[tuple[str, Answered]]] = [[] for _ in items]
    whole: list[list[Detection]] = [[] for _ in items]
    cut: list[list[Detection]] = [[] for _ in items]
    for (index, region, _), answer in zip(parts, closer, strict=True):
        found[index].append((",".join(f"{side:.0f}" for side in region.xyxy), answer))
        for detection in answer.detections:
            moved = replace(detection, box=detection.box.moved(region.x1, region.y1))
            (cut if is_cut(moved.box, region, items[index].size) else whole)[index].append(moved)
    return [
        join(
            [("whole image", first), *found[index]],
            suppress([*whole[index], *first.detections, *cut[index]]),
        )
        for index, first in enumerate(answered)
    ]


def tiles(size: Size) -> list[Box]:
    """Return TILES x TILES overlapping regions that cover the image, in reading order, whole pixels."""

    def along(length: int) -> list[tuple[int, int]]:
        side = round(length / (TILES - (TILES - 1) * OVERLAP))
        starts = [round(number * (length - side) / (TILES - 1)) for number in range(TILES)]
        return [(start, start + side) for start in starts]

    return [
        Box(left, top, right, bottom)
        for (top, bottom), (left, right) in itertools.product(along(size.height), along(size.width))
    ]


def surroundings(detections: Iterable[Detection], size: Size) -> list[Box]:
    """Return the regions around boxes, whole pixels inside the image, each once."""
    regions = [item.box.grown(CONTEXT).clipped(size) for item in detections]
    whole = [Box(*(float(round(side)) for side in region.xyxy)) for region in regions]
    return list(dict.fromkeys(region for region in whole if region.has_area))


def is_cut(box: Box, region: Box, size: Size) -> bool:
    """Tell whether a box reaches a border of its region that is not the image's own."""
    near_x = BORDER_SHARE * (region.x2 - region.x1)
    near_y = BORDER_SHARE * (region.y2 - region.y1)
    return (
        (box.x1 - region.x1 <= near_x and region.x1 > 0)
        or (box.y1 - region.y1 <= near_y and region.y1 > 0)
        or (region.x2 - box.x2 <= near_x and region.x2 < size.width)
        or (region.y2 - box.y2 <= near_y and region.y2 < size.height)
    )


def write_crops(item: Item, regions: Sequence[Box], folder: Path, index: int) -> Iterator[Item]:
    """Write the regions of an image as PNG files, and yield the same question about each.

    Raises:
        UserError: the image cannot be read.
    """
    if not regions:
        return
    from PIL import Image

    try:
        with Image.open(item.request.image) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError) as error:
        raise UserError(f"{item.request.image}: not usable as an image: {error}") from error
    for number, region in enumerate(regions):
        path = folder / f"{index}_{number}.png"
        crop = picture.crop(region.xyxy)
        crop.save(path, compress_level=1)
        yield Item(replace(item.request, image=path), Size(*crop.size))
