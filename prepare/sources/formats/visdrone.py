"""VisDrone's detection data: annotations/NAME.txt and images/NAME.jpg.

Source of the format: github.com/VisDrone/VisDrone2018-DET-toolkit, "Submission format": lines of left, top,
width, height, score, category, truncation, occlusion, in pixels. Score 0 marks a box that the evaluation
ignores, and category 0 a region in which it ignores whatever is there.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from grounding.categories import Category
from prepare.source_types import BoxFormat
from prepare.sources.lookup.text_encoding import annotation_lines
from prepare.sources.shared.listed import ListedSource, UnreadableError
from prepare.sources.shared.source_values import number_in
from prepare.sources.signs.folder_listing import FolderListing, folder_of
from prepare.sources.signs.sign import Sign, files_with
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import ANY_LABEL, DescribedRegion
from prepare.sources.tool_files.label_files import open_label_files

USUAL_BOXES = BoxFormat("xywh", "pixels")

FILES = "**/annotations/*.txt"
FOLDERS = {"annotations": ("images",)}

NAMES = (
    *(None, "pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus"),
    *("motor", "others"),
)
"""The categories by their numbers; 0 is for ignored regions."""

VALUES = 8

_LINE = re.compile(r"-?\d+(?:\.\d+)?(?:,-?\d+(?:\.\d+)?){7},?")


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield VisDrone for text files in folders named annotations, with lines of eight whole numbers."""
    found = [name for name in listing.sample(".txt") if _has_labels(listing, name)]
    if found:
        yield Sign(
            "visdrone",
            files_with(found, "lines of a box and four numbers"),
            frozenset(found),
        )


def _has_labels(listing: FolderListing, name: str) -> bool:
    lines = listing.lines(name)
    is_place = folder_of(name).rpartition("/")[2] == "annotations"
    return is_place and bool(lines) and all(map(_LINE.fullmatch, lines))


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read every text file; the words train and val in their paths are the splits.

    Raises:
        UserError: no text files.
    """
    del categories  # the format names them
    return open_label_files(source, USUAL_BOXES, FILES, FOLDERS, _regions)


def _regions(path: Path) -> list[DescribedRegion]:
    """Return the boxes of a file.

    Raises:
        UnreadableError: a line with another number of values, or a category that VisDrone has not.
    """
    regions = []
    for number, line in enumerate(annotation_lines(path), start=1):
        words = [word.strip() for word in line.strip().rstrip(",").split(",")]
        if not line.strip():
            continue
        try:
            values = [number_in(word) for word in words]
        except ValueError as error:
            raise UnreadableError(f"{path}, line {number}: {error}") from error
        if len(values) != VALUES or values[5] not in range(len(NAMES)):
            raise UnreadableError(
                f"{path}, line {number}: {VALUES} values with a category of 0 to {len(NAMES) - 1} are needed"
            )
        category = int(values[5])
        is_ignored = category == 0 or values[4] == 0
        regions.append(
            DescribedRegion(tuple(values[:4]), NAMES[category] if category else ANY_LABEL, is_ignored)
        )
    return regions
