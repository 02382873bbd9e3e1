"""KITTI's object data: label_2/NAME.txt and image_2/NAME.png.

Source of the format: the object development kit of cvlibs.net, readme.txt: lines of type, truncation,
occlusion, angle, left, top, right, bottom in pixels from 0, then seven values in space, and perhaps a score.
DontCare marks regions in which nothing is labelled.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from grounding.categories import Category
from prepare.source_types import BoxFormat
from prepare.sources.lookup.text_encoding import annotation_lines
from prepare.sources.shared.listed import ListedSource, UnreadableError
from prepare.sources.shared.source_values import BadValueError, number_in, read_label
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import ANY_LABEL, DescribedRegion
from prepare.sources.tool_files.label_files import open_label_files

USUAL_BOXES = BoxFormat("xyxy", "pixels")

FILES = "**/label*/**/*.txt"
FOLDERS = {
    "label_2": ("image_2",),
    "label_3": ("image_3",),
    "labels": ("images",),
    "label": ("image",),
}
"""The folders of the images that belong to the left and the right camera, and usual other names."""

VALUES = (15, 16)
IGNORED = "DontCare"

_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield KITTI for text files with lines of a type and 14 or 15 numbers."""
    found = [name for name in listing.sample(".txt") if _has_labels(listing, name)]
    if found:
        yield Sign("kitti", files_with(found, "lines of a type and 14 or 15 numbers"), frozenset(found))


def _has_labels(listing: FolderListing, name: str) -> bool:
    lines = listing.lines(name)
    return "label" in name.rpartition("/")[0] and bool(lines) and all(map(_is_line, lines))


def _is_line(line: str) -> bool:
    words = line.split()
    return len(words) in VALUES and words[0][:1].isalpha() and all(map(_NUMBER.fullmatch, words[1:]))


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read every label file; the words train and val in their paths are the splits.

    Raises:
        UserError: no label files.
    """
    del categories  # the files name them
    return open_label_files(source, USUAL_BOXES, FILES, FOLDERS, lambda path: _regions(path, source.max_text))


def _regions(path: Path, longest: int) -> list[DescribedRegion]:
    """Return the boxes of a file.

    Raises:
        UnreadableError: a line with another number of values.
    """
    regions = []
    for number, line in enumerate(annotation_lines(path), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) not in VALUES:
            raise UnreadableError(
                f"{path}, line {number}: {len(words)} values, and KITTI's labels have 15, or 16 with a score"
            )
        try:
            box = tuple(number_in(word) for word in words[4:8])
            label = read_label(words[0], "type", longest)
        except (ValueError, BadValueError) as error:
            raise UnreadableError(f"{path}, line {number}: {error}") from error
        is_ignored = label == IGNORED
        regions.append(DescribedRegion(box, ANY_LABEL if is_ignored else label, is_ignored))
    return regions
