"""The regions of a prepared data set that a teacher describes: its annotated objects."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.layout import IMAGES_FOLDER
from grounding.prompts import draw
from prepare.describe.describe_settings import DescribeSettings
from prepare.export.dataset_reading import true_data
from prepare.export.export_types import ExportedImage, ExportedObject

TOO_SMALL = "region with a side shorter than min_side"
CROWD = "region of several objects (crowd)"
OVER_PER_IMAGE = "region beyond per_image"
SAME_BOX = "region with the box of another one"
GUARDED = "region of an image that is in an evaluation set"


@dataclass(frozen=True)
class TeacherRegion:
    """A region: its box in pixels of the image, and its label, None where only expressions name it."""

    box: Box
    label: str | None


@dataclass(frozen=True)
class TeacherImage:
    """An image with the regions to describe; `name` is its path in the data set."""

    name: str
    path: Path
    size: Size
    regions: tuple[TeacherRegion, ...]


@dataclass(frozen=True)
class FoundRegions:
    """The images in the order in which they are asked about, and what was left out, by reason."""

    images: tuple[TeacherImage, ...]
    left_out: Counter[str]

    @property
    def count(self) -> int:
        """The number of regions."""
        return sum(len(image.regions) for image in self.images)


def find_regions(dataset: Path, settings: DescribeSettings) -> FoundRegions:
    """Return the regions of a split; the images come in an order that the seed decides.

    Boxes of val are the source's own. Those of train are on the 0..1000 grid, half a step of it off at most.

    Raises:
        UserError: not a prepared data set, a damaged one, or no region in it.
    """
    left_out: Counter[str] = Counter()
    images = [
        TeacherImage(
            f"{IMAGES_FOLDER}/{image.name}",
            dataset / IMAGES_FOLDER / image.name,
            image.size,
            tuple(_regions_of(image, settings, left_out)),
        )
        for image in true_data(dataset).images.get(settings.split, ())
    ]
    found = sorted(
        (image for image in images if image.regions), key=lambda image: draw(settings.seed, image.name)
    )
    if not found:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(left_out.items()) if count)
        raise UserError(f"{dataset}: no region in split={settings.split}{reasons and f'; {reasons}'}")
    return FoundRegions(tuple(found), left_out)


def first_regions(images: Sequence[TeacherImage], limit: int | None) -> tuple[TeacherImage, ...]:
    """Return the images with the first `limit` regions; None for all."""
    if limit is None:
        return tuple(images)
    return tuple(_first_regions(images, limit))


def _first_regions(images: Sequence[TeacherImage], left: int) -> Iterator[TeacherImage]:
    for image in images:
        if left <= 0:
            return
        yield replace(image, regions=image.regions[:left])
        left -= len(image.regions)


def _regions_of(
    image: ExportedImage, settings: DescribeSettings, left_out: Counter[str]
) -> Iterator[TeacherRegion]:
    """Yield the regions of an image in the order of its annotations; the largest, if not all."""
    found: dict[Box, TeacherRegion] = {}
    for item, label in (
        *((item, item.label) for item in image.objects),
        *((item, None) for item in image.phrases),
    ):
        if (reason := _unfit(item, image.size, settings)) is not None:
            left_out[reason] += 1
        elif (box := item.box.clipped(image.size)) in found:
            left_out[SAME_BOX] += 1
        else:
            found[box] = TeacherRegion(box, label)
    largest = sorted(found, key=lambda box: -box.area)[: settings.per_image]
    left_out[OVER_PER_IMAGE] += len(found) - len(largest)
    yield from (region for box, region in found.items() if box in largest)


def _unfit(item: ExportedObject, size: Size, settings: DescribeSettings) -> str | None:
    if item.is_crowd:
        return CROWD
    _, _, width, height = item.box.clipped(size).xywh
    return TOO_SMALL if min(width, height) < settings.min_side else None
