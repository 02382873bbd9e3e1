"""VGG Image Annotator's files of versions 1 and 2: projects, and exports as JSON or CSV.

Source of the format: VIA 2, `via.js`: `export_project_data`, `import_annotations_from_csv` and the shapes of
`VIA_REGION_SHAPE`. Numbers are pixels; an ellipse is turned by `theta` in radians. The label of a region is
one of its attributes: source.label names it. The others are its attributes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import parse_json
from prepare.reasons import REGION_UNREADABLE, REGION_WITHOUT_BOX, REGION_WITHOUT_LABEL
from prepare.source_types import BoxFormat
from prepare.sources.parts.named_values import named_values, only_choice
from prepare.sources.parts.outlines import Corners, around_ellipse, around_points
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import (
    BadValueError,
    brief_value,
    read_label,
    read_numbers,
    read_text,
)
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with, only_these
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import (
    DescribedRegion,
    DescribedSource,
    FileEntries,
    ImageEntry,
    fixed_boxes,
)
from prepare.sources.tool_files.split_words import find_split_files
from prepare.sources.tool_files.text_files import has_columns, load_json, read_csv

USUAL_BOXES = BoxFormat("xyxy", "pixels")

FILES = "**/*.[cj]s[ov]*"
COLUMNS = ("filename", "region_shape_attributes", "region_attributes")

SIGNS = (
    ("_via_img_metadata",),
    ("*", "regions", "[]", "shape_attributes"),
    ("*", "regions", "*", "shape_attributes"),
)
"""Keys of a project, of an export of version 2, and of one of version 1."""


@dataclass(frozen=True)
class _Stated:
    """A region as a file states it: its image, where it is, its shape and its attributes."""

    image: str
    where: str
    shape: Mapping[str, Any]
    attributes: Mapping[str, Any]


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield VIA for its projects and exports, as JSON or CSV."""
    found = [name for name in listing.sample(".json") if listing.json(name).has_any(*SIGNS)]
    found += [name for name in listing.sample(".csv") if listing.columns(name).issuperset(COLUMNS)]
    if found:
        evidence = files_with(found, "images with regions that have shape_attributes and region_attributes")
        yield Sign("via", evidence, frozenset(found), keys=only_these(found, listing, ".json"))


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read projects and exports; the words train and val in their paths are the splits.

    Raises:
        UserError: no such files, or several attributes that could be the label.
    """
    del categories  # the files name them
    box_format = fixed_boxes(source, USUAL_BOXES)
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES, _is_via)
    return DescribedSource(source, folder, files, box_format, lost).read(
        lambda path: _read_file(path, source.label, source.max_text)
    )


def _is_via(path: Path) -> bool:
    return path.suffix == ".json" or (path.suffix == ".csv" and has_columns(path, COLUMNS))


def _read_file(path: Path, label: str | None, longest: int) -> FileEntries:
    images: list[str] = []
    try:
        stated = list(_in_csv(path, images) if path.suffix == ".csv" else _in_json(path, images))
        key = label or _only_attribute(stated)
        regions: dict[str, list[DescribedRegion]] = defaultdict(list)
        left: Counter[str] = Counter()
        for region in stated:
            regions[region.image] += _regions(region, key, longest, left)
    except BadValueError as error:
        raise UserError(f"{path}: {error}") from error
    return FileEntries(
        [ImageEntry(name, f"{path}, {name}", regions[name]) for name in dict.fromkeys(images)], left
    )


def _in_json(path: Path, images: list[str]) -> Iterator[_Stated]:
    """Yield the regions of a JSON file, and add the names of its images to `images`."""
    content = load_json(path)
    content = content.get("_via_img_metadata", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(each, dict) for each in content.values()):
        raise BadValueError("no object with an entry for each image: not a file of VIA 1 or 2")
    if {"project", "metadata"} <= content.keys():
        raise BadValueError("a project of VIA 3, which is for videos: export COCO or CSV from VIA 2")
    for number, entry in enumerate(content.values()):
        where = f"image {number}"
        name = read_text(entry.get("filename"), f"{where}: filename")
        images.append(name)
        found = entry.get("regions") or []
        found = list(found.values()) if isinstance(found, dict) else found  # VIA 1 numbers them
        if not isinstance(found, list):
            raise BadValueError(f"{name}: regions: a list is needed, there is {brief_value(found)}")
        for position, region in enumerate(found):
            place = f"{name}, regions[{position}]"
            if not isinstance(region, dict):
                raise BadValueError(f"{place}: an object is needed, there is {brief_value(region)}")
            yield _Stated(
                name,
                place,
                _object(region.get("shape_attributes"), f"{place}.shape_attributes"),
                _object(region.get("region_attributes"), f"{place}.region_attributes"),
            )


def _in_csv(path: Path, images: list[str]) -> Iterator[_Stated]:
    """Yield the regions of a CSV file, and add the names of its images to `images`."""
    for line, row in read_csv(path, COLUMNS):
        name = read_text(row["filename"], f"line {line}: filename")
        images.append(name)
        parts = []
        for key in COLUMNS[1:]:
            try:
                parts.append(_object(parse_json(row[key] or "{}"), f"line {line}: {key}"))
            except BadValueError:
                raise
            except ValueError as error:
                raise BadValueError(f"line {line}: {key}: not JSON: {error}") from error
        if parts[0]:  # an image without regions has a line, too
            yield _Stated(name, f"line {line}", parts[0], parts[1])


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadValueError(f"{where}: an object is needed, there is {brief_value(value)}")
    return value


def _only_attribute(stated: Sequence[_Stated]) -> str | None:
    """Return the attribute that names regions; None if no region has any.

    Raises:
        BadValueError: there are several.
    """
    keys = dict.fromkeys(key for region in stated for key in region.attributes)
    if len(keys) > 1:
        raise BadValueError(
            f"regions have the attributes {', '.join(map(repr, keys))}: which one is the label? Set "
            "source.label to its name"
        )
    return next(iter(keys), None)


def _regions(region: _Stated, key: str | None, longest: int, left: Counter[str]) -> list[DescribedRegion]:
    kind = region.shape.get("name")
    labels = _labels(region, key, longest)
    if kind == "point":
        left[REGION_WITHOUT_BOX] += 1
    elif not labels:
        left[REGION_WITHOUT_LABEL] += 1
    elif (box := _box(kind, region.shape)) is None:
        left[REGION_UNREADABLE] += 1
    else:
        values = _values(region, key)
        return [DescribedRegion(box, label, attributes=values) for label in labels]
    return []


def _values(region: _Stated, key: str | None) -> Mapping[str, str]:
    """Return the attributes of a region besides its label: texts, and the only box that is ticked."""
    values = {
        name: only_choice(_ticked(value)) if isinstance(value, dict) else value
        for name, value in region.attributes.items()
        if name != key
    }
    return named_values(values)


def _ticked(boxes: Mapping[str, Any]) -> list[str]:
    return [name for name, is_ticked in boxes.items() if is_ticked is True]


def _labels(region: _Stated, key: str | None, longest: int) -> list[str]:
    """Return the labels of a region: a text, or those of the boxes that are ticked."""
    value = region.attributes.get(key) if key is not None else None
    where = f"{region.where}: {key}"
    if isinstance(value, dict):
        return [read_label(name, where, longest) for name in _ticked(value)]
    if value is None:
        return []
    label = read_label(value, where, longest).strip()
    return [label] if label else []


def _box(kind: Any, shape: Mapping[str, Any]) -> Corners | None:
    """Return the box around a shape, empty if its numbers are none; None for another kind of shape."""
    if kind == "rect":
        numbers = _numbers(shape, ("x", "y", "width", "height"))
        return (*numbers[:2], numbers[0] + numbers[2], numbers[1] + numbers[3]) if numbers else ()
    if kind == "circle":
        numbers = _numbers(shape, ("cx", "cy", "r"))
        return around_ellipse(*(numbers[0], numbers[1], numbers[2], numbers[2]), 0.0) if numbers else ()
    if kind == "ellipse":
        numbers = _numbers({"theta": 0} | dict(shape), ("cx", "cy", "rx", "ry", "theta"))
        return around_ellipse(*numbers) if numbers else ()
    if kind in ("polygon", "polyline"):
        return around_points(read_numbers(shape.get("all_points_x")), read_numbers(shape.get("all_points_y")))
    return None


def _numbers(shape: Mapping[str, Any], keys: Sequence[str]) -> tuple[float, ...]:
    return read_numbers([shape.get(key) for key in keys])
