"""Hugging Face image folders: metadata.jsonl or metadata.csv beside the images.

Source of the format: huggingface.co/docs/datasets, "Create an image dataset", object detection: `file_name`
is relative to the metadata file, `objects` has lists (bbox, categories) or is a list of objects; boxes are
COCO's xywh in pixels. In a CSV file, `objects` is JSON.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import parse_json, read_jsonl
from prepare.source_types import BoxFormat
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import (
    BadValueError,
    brief_value,
    read_label,
    read_numbers,
    read_side,
    read_text,
    read_whole,
)
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import (
    DescribedRegion,
    DescribedSource,
    FileEntries,
    ImageEntry,
)
from prepare.sources.tool_files.split_words import find_split_files
from prepare.sources.tool_files.text_files import read_csv

USUAL_BOXES = BoxFormat("xywh", "pixels")

FILES = "**/metadata.*"
SUFFIXES = (".jsonl", ".csv")

BOXES = ("bbox", "bboxes", "boxes", "box")
LABELS = ("category", "categories", "label", "labels", "class", "classes", "category_id")


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield image folders for metadata files with file_name and objects."""
    named = [name for name in listing.sample(*SUFFIXES) if PurePosixPath(name).stem == "metadata"]
    found = [name for name in named if _has_objects(listing, name)]
    if found:
        yield Sign("image_folder", files_with(found, "file_name and objects of images"), frozenset(found))


def _has_objects(listing: FolderListing, name: str) -> bool:
    if name.endswith(".csv"):
        return {"file_name", "objects"} <= listing.columns(name)
    return any("file_name" in row and bool({"objects", *BOXES} & row.keys()) for row in listing.rows(name))


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read every metadata file; the words train and validation in their paths are the splits.

    Labels can be texts, or positions in the recipe's list of categories.

    Raises:
        UserError: no metadata, no objects in it, or labels that are numbers without names.
    """
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES, lambda path: path.suffix in SUFFIXES)
    names = tuple(category.name for category in categories)
    described = DescribedSource(source, folder, files, source.box_format(USUAL_BOXES), lost)
    return described.read(lambda path: _read_metadata(path, names, source.max_text))


def _read_metadata(path: Path, names: Sequence[str], longest: int) -> FileEntries:
    entries = []
    for line, row in _rows(path):
        where = f"{path}, line {line}"
        try:
            name = read_text(row.get("file_name"), "file_name")
            width, height = (read_side(row.get(key), key) for key in ("width", "height"))
            regions = _regions(row.get("objects", row), names, longest)
        except BadValueError as error:
            raise UserError(f"{where}: {error}") from error
        size = Size(width, height) if width and height else None
        entries.append(ImageEntry(name, where, regions, size))
    return FileEntries(entries)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix != ".csv":
        yield from read_jsonl(path)
        return
    for line, row in read_csv(path, ("file_name", "objects")):
        try:
            yield line, {**row, "objects": parse_json(row["objects"] or "[]")}
        except ValueError as error:
            raise UserError(f"{path}, line {line}: objects: not JSON: {error}") from error


def _regions(objects: Any, names: Sequence[str], longest: int) -> list[DescribedRegion]:
    """Return the objects of a row, which are a list of objects, or an object of lists.

    Raises:
        BadValueError: no boxes, no labels, or values of other types.
    """
    if isinstance(objects, list):
        return [_region(item, f"objects[{number}]", names, longest) for number, item in enumerate(objects)]
    if not isinstance(objects, dict):
        raise BadValueError(f"objects: a list or an object is needed, there is {brief_value(objects)}")
    boxes, labels = (_column(objects, keys) for keys in (BOXES, LABELS))
    if len(boxes) != len(labels):
        raise BadValueError(f"objects: {len(boxes)} boxes, and {len(labels)} labels")
    return [
        DescribedRegion(read_numbers(box), _name_of(label, f"objects: label {number}", names, longest))
        for number, (box, label) in enumerate(zip(boxes, labels, strict=True))
    ]


def _column(objects: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    key = next((key for key in keys if key in objects), None)
    if key is None:
        raise BadValueError(f"objects: none of {', '.join(keys)}; there are {', '.join(objects) or 'none'}")
    if not isinstance(objects[key], list):
        raise BadValueError(f"objects.{key}: a list is needed, there is {brief_value(objects[key])}")
    return list(objects[key])


def _region(item: Any, where: str, names: Sequence[str], longest: int) -> DescribedRegion:
    if not isinstance(item, dict):
        raise BadValueError(f"{where}: an object is needed, there is {brief_value(item)}")
    box, label = (next((key for key in keys if key in item), None) for keys in (BOXES, LABELS))
    if box is None or label is None:
        raise BadValueError(f"{where}: a box and a label are needed; there are {', '.join(item) or 'none'}")
    return DescribedRegion(read_numbers(item[box]), _name_of(item[label], where, names, longest))


def _name_of(label: Any, where: str, names: Sequence[str], longest: int) -> str | None:
    """Return the name of a label; None for a number that is no position in the recipe's list."""
    if isinstance(label, str):
        return read_text(read_label(label, where, longest), where)
    number = read_whole(label, where)
    if not names:
        raise BadValueError(
            f"{where}: the labels are only numbers: list their names in `categories`, in order"
        )
    return names[number] if 0 <= number < len(names) else None
