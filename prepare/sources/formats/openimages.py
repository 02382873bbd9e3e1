"""Open Images' CSV files of boxes beside folders of images that are named by their ids.

Source of the format: storage.googleapis.com/openimages/web, "Data formats": corners as shares of the image,
IsGroupOf marks groups of more than five objects. class-descriptions*.csv names the labels such as /m/01yrx.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from grounding.categories import Category
from grounding.errors import UserError
from prepare.source_types import BoxFormat
from prepare.sources.shared.file_patterns import find_files, source_folder
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import BadValueError, number_in, read_label
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import (
    DescribedRegion,
    DescribedSource,
    FileEntries,
    ImageEntry,
    fixed_boxes,
)
from prepare.sources.tool_files.paired_images import StemFinder
from prepare.sources.tool_files.split_words import find_split_files
from prepare.sources.tool_files.text_files import has_columns, read_csv, read_plain_csv

USUAL_BOXES = BoxFormat("xyxy", "relative")

FILES, NAME_FILES = "**/*.csv", "**/*class-descriptions*.csv"
CORNERS = ("XMin", "YMin", "XMax", "YMax")
COLUMNS = ("ImageID", "LabelName", *CORNERS)


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield Open Images for CSV files with its columns."""
    found = [name for name in listing.sample(".csv") if listing.columns(name).issuperset(COLUMNS)]
    if found:
        yield Sign("openimages", files_with(found, f"the columns {', '.join(COLUMNS)}"), frozenset(found))


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read every CSV file with boxes; the words train, validation and test in its path are the splits.

    Raises:
        UserError: no such files, or two names for one label.
    """
    del categories  # the files name them
    box_format = fixed_boxes(source, USUAL_BOXES)
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES, lambda path: has_columns(path, COLUMNS))
    described = DescribedSource(source, folder, files, box_format, lost)
    names = _read_names(folder, described)
    images = StemFinder(folder / (source.images or ""), described.check)

    def read(path: Path) -> FileEntries:
        regions: dict[str, list[DescribedRegion]] = defaultdict(list)
        for line, row in read_csv(path, COLUMNS):
            regions[row["ImageID"]].append(_region(row, names, f"{path}, line {line}", source.max_text))
        return FileEntries(
            [
                ImageEntry(stem, f"{path}, image {stem}", found, image=images.find(stem, str(path)))
                for stem, found in regions.items()
            ]
        )

    return described.read(read)


def _region(row: dict[str, str], names: dict[str, str], where: str, longest: int) -> DescribedRegion:
    try:
        label = read_label(names.get(row["LabelName"], row["LabelName"]), "LabelName", longest)
    except BadValueError as error:
        raise UserError(f"{where}: {error}") from error
    if not label.strip():
        raise UserError(f"{where}: LabelName is empty")
    try:
        box = tuple(number_in(row[key]) for key in CORNERS)
    except ValueError:
        box = ()
    return DescribedRegion(box, label, row.get("IsGroupOf", "").strip() == "1")


def _read_names(folder: Path, described: DescribedSource) -> dict[str, str]:
    """Return the names of the labels, as far as files state them.

    Raises:
        UserError: files name one label in two ways.
    """
    paths = find_files(folder, NAME_FILES)
    described.check(paths)
    names: dict[str, str] = {}
    for path in paths:
        for line, row in read_plain_csv(path):
            if len(row) >= 2 and row[0].startswith("/"):  # newer files have a header
                other = names.setdefault(row[0], row[1].strip())
                if other != row[1].strip():
                    raise UserError(f"{path}, line {line}: {row[0]} is '{row[1]}' here and '{other}' before")
    return names
