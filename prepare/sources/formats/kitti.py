"""KITTI's object data: label_2/NAME.txt and image_2/NAME.png.

Source of the format: the object development kit of cvlibs.net, readme.txt: lines of type, truncation,
occlusion, angle, left, top, right, bottom in pixels from 0, then seven values in space, and perhaps a score.
DontCare marks regions in which nothing is labelled.
"""

from collections.abc import Sequence
from pathlib import Path

from grounding.categories import Category
from prepare.source_types import BoxFormat
from prepare.sources.lookup.text_encoding import decode_text
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.listed import ListedSource, UnreadableError, read_annotation
from prepare.sources.shared.source_values import BadValueError, number_in, read_label
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import (
    ANY_LABEL,
    DescribedSource,
    FileEntries,
    ImageEntry,
    Region,
    fixed_boxes,
)
from prepare.sources.tool_files.paired_images import image_beside
from prepare.sources.tool_files.split_words import find_split_files

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


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read every label file; the words train and val in their paths are the splits.

    Raises:
        UserError: no label files.
    """
    del categories  # the files name them
    box_format = fixed_boxes(source, USUAL_BOXES)
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES)

    def read(path: Path) -> FileEntries:
        image = image_beside(path, folder, FOLDERS)
        regions = _regions(path, source.max_text)
        return FileEntries([ImageEntry(image.name, str(path), regions, image=image)])

    return DescribedSource(source, folder, files, box_format, lost).read(read, is_one_image_each=True)


def _regions(path: Path, longest: int) -> list[Region]:
    """Return the boxes of a file.

    Raises:
        UnreadableError: a line with another number of values.
    """
    try:
        lines = decode_text(read_annotation(path)).splitlines()
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path}: {error}") from error
    regions = []
    for number, line in enumerate(lines, start=1):
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
        regions.append(Region(box, ANY_LABEL if is_ignored else label, is_ignored))
    return regions
