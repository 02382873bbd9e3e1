"""Layouts with a text file of labels for each image, in another folder of the same shape."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prepare.source_types import BoxFormat
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.listed import ListedSource, UnreadableError
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import (
    DescribedRegion,
    DescribedSource,
    FileEntries,
    ImageEntry,
    fixed_boxes,
)
from prepare.sources.tool_files.paired_images import image_beside
from prepare.sources.tool_files.split_words import find_split_files


def open_label_files(
    source: SourceSettings,
    boxes: BoxFormat,
    pattern: str,
    folders: Mapping[str, Sequence[str]],
    regions_of: Callable[[Path], list[DescribedRegion]],
) -> ListedSource:
    """Read every label file that matches; the words train and val in their paths are the splits.

    `folders` has the names of image folders for each name of a label folder.

    Raises:
        UserError: no label files, or another box format in the recipe.
    """
    box_format = fixed_boxes(source, boxes)
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, pattern)

    def read(path: Path) -> FileEntries:
        image = image_beside(path, folder, folders)
        try:
            regions = regions_of(path)
        except FileNotFoundError as error:  # removed since it was listed
            raise UnreadableError(f"{path}: {error}") from error
        return FileEntries([ImageEntry(image.name, str(path), regions, image=image)])

    return DescribedSource(source, folder, files, box_format, lost).read(read, is_one_image_each=True)
