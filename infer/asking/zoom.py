"""A closer look: ask again about crops of an image, for objects that are small in the whole image."""

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grounding.answers.asked import Asked
from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.images.pixels import UNREADABLE, read_pixels
from grounding.samples import Detection
from infer.asking.merged_answers import merge_answers, suppress_overlaps
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking

TILES = 2
"""Tiles along each side of the image."""

OVERLAP = 0.25
"""The share of a tile that it shares with its neighbour."""

CONTEXT = 2.0
"""The region around a box is this many times as wide and high as the box."""

BORDER_SHARE = 0.02
"""A box nearer to a region's inner border than this share of the region's side may be cut off by it."""


@dataclass
class _RegionDetections:
    """What was found in the regions of one image, in pixels of the image."""

    answers: list[tuple[str, ParsedAnswer]] = field(default_factory=list)
    whole: list[Detection] = field(default_factory=list)
    cut_off: list[Detection] = field(default_factory=list)

    def add(self, region: Box, answer: ParsedAnswer, size: Size) -> None:
        """Add the answer about a region of the image, which has this size."""
        self.answers.append((",".join(f"{side:.0f}" for side in region.xyxy), answer))
        for detection in answer.detections:
            moved = replace(detection, box=detection.box.moved(region.x1, region.y1))
            (self.cut_off if is_cut(moved.box, region, size) else self.whole).append(moved)


@dataclass(frozen=True)
class AskCloser:
    """Asks by `ask`, then asks the same question by `ask_closer` about regions of each image, and merges.

    `regions` "tiles" is a grid of overlapping tiles; "boxes" is the surroundings of each box that was found.
    Of overlapping boxes, the merge prefers those of a region, because they are located more precisely, then
    those of the whole image, then those that a region's border may have cut off.
    """

    ask: WayOfAsking
    ask_closer: WayOfAsking
    regions: str

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Ask about the whole images, then about all their regions.

        Raises:
            UserError: a question has several pictures.
        """
        for item in requests:
            check_zoom(self.regions, item.asked)
        answers = self.ask(requests)
        by_image = self._ask_about_regions(requests, answers)
        return [
            merge_answers(
                [("whole image", answer), *regions.answers],
                suppress_overlaps([*regions.whole, *answer.detections, *regions.cut_off]),
            )
            for answer, regions in zip(answers, by_image, strict=True)
        ]

    def _ask_about_regions(
        self, requests: Sequence[SizedRequest], answers: Sequence[ParsedAnswer]
    ) -> list[_RegionDetections]:
        with tempfile.TemporaryDirectory(prefix="zoom_") as folder:
            crops: list[tuple[int, Box, SizedRequest]] = []
            for index, (item, answer) in enumerate(zip(requests, answers, strict=True)):
                is_grid = self.regions == "tiles"
                chosen = tiles(item.size) if is_grid else surroundings(answer.detections, item.size)
                written = write_crops(item, chosen, Path(folder), index)
                crops += [(index, region, crop) for region, crop in zip(chosen, written, strict=True)]
            closer = self.ask_closer([crop for _, _, crop in crops])
        by_image = [_RegionDetections() for _ in requests]
        for (index, region, _), answer in zip(crops, closer, strict=True):
            by_image[index].add(region, answer, requests[index].size)
        return by_image


def check_zoom(regions: str, asked: Asked) -> None:
    """Check that a question can be asked again about parts of its picture; `regions` is the recipe's zoom.

    Raises:
        UserError: it has several pictures.
    """
    if regions != "none" and asked.is_about_several:
        raise UserError(
            f"zoom={regions}: asks about parts of one picture, and a question has {len(asked.sizes)}: leave "
            "zoom out"
        )


def tiles(size: Size) -> list[Box]:
    """Return TILES x TILES overlapping regions that cover the image, in reading order, in whole pixels."""

    def along(length: int) -> list[tuple[int, int]]:
        side = round(length / (TILES - (TILES - 1) * OVERLAP))
        starts = [round(number * (length - side) / (TILES - 1)) for number in range(TILES)]
        return [(start, start + side) for start in starts]

    return [
        Box(left, top, right, bottom)
        for (top, bottom), (left, right) in itertools.product(along(size.height), along(size.width))
    ]


def surroundings(detections: Iterable[Detection], size: Size) -> list[Box]:
    """Return the regions around boxes, in whole pixels inside the image, each region once."""
    regions = [item.box.grown(CONTEXT).clipped(size) for item in detections]
    whole = [Box(*(float(round(side)) for side in region.xyxy)) for region in regions]
    return list(dict.fromkeys(region for region in whole if region.has_area))


def is_cut(box: Box, region: Box, size: Size) -> bool:
    """Tell whether a box reaches a border of its region that is not a border of the image."""
    near_x = BORDER_SHARE * (region.x2 - region.x1)
    near_y = BORDER_SHARE * (region.y2 - region.y1)
    return (
        (box.x1 - region.x1 <= near_x and region.x1 > 0)
        or (box.y1 - region.y1 <= near_y and region.y1 > 0)
        or (region.x2 - box.x2 <= near_x and region.x2 < size.width)
        or (region.y2 - box.y2 <= near_y and region.y2 < size.height)
    )


def write_crops(
    item: SizedRequest, regions: Sequence[Box], folder: Path, index: int
) -> Iterator[SizedRequest]:
    """Write the regions of an image as PNG files, and yield the same question about each of them.

    Raises:
        UserError: the image cannot be read.
    """
    if not regions:
        return
    try:
        picture = read_pixels(item.request.picture)
    except UNREADABLE as error:
        raise UserError(f"{item.request.picture}: not usable as an image: {error}") from error
    for number, region in enumerate(regions):
        path = folder / f"{index}_{number}.png"
        crop = picture.crop(region.xyxy)
        crop.save(path, compress_level=1)
        yield SizedRequest(replace(item.request, images=(path,)), Size(*crop.size))
