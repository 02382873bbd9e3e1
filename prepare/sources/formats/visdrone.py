"""VisDrone's detection data: annotations/NAME.txt and images/NAME.jpg.

Source of the format: github.com/VisDrone/VisDrone2018-DET-toolkit, "Submission format": lines of left, top,
width, height, score, category, truncation, occlusion, in pixels. Score 0 marks a box that the evaluation
ignores, and category 0 a region in which it ignores whatever is there.
"""

from collections.abc import Sequence
from pathlib import Path

from grounding.categories import Category
from prepare.source_types import BoxFormat
from prepare.sources.lookup.text_encoding import decode_text
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.listed import ListedSource, UnreadableError, read_annotation
from prepare.sources.shared.source_values import number_in
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

USUAL_BOXES = BoxFormat("xywh", "pixels")

FILES = "**/annotations/*.txt"
FOLDERS = {"annotations": ("images",)}

NAMES = (
    *(None, "pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus"),
    *("motor", "others"),
)
"""The categories by their numbers; 0 is for ignored regions."""

VALUES = 8


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read every text file; the words train and val in their paths are the splits.

    Raises:
        UserError: no text files.
    """
    del categories  # the format names them
    box_format = fixed_boxes(source, USUAL_BOXES)
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES)

    def read(path: Path) -> FileEntries:
        image = image_beside(path, folder, FOLDERS)
        return FileEntries([ImageEntry(image.name, str(path), _regions(path), image=image)])

    return DescribedSource(source, folder, files, box_format, lost).read(read, is_one_image_each=True)


def _regions(path: Path) -> list[Region]:
    """Return the boxes of a file.

    Raises:
        UnreadableError: a line with another number of values, or a category that VisDrone has not.
    """
    try:
        lines = decode_text(read_annotation(path)).splitlines()
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path}: {error}") from error
    regions = []
    for number, line in enumerate(lines, start=1):
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
        regions.append(Region(tuple(values[:4]), NAMES[category] if category else ANY_LABEL, is_ignored))
    return regions
