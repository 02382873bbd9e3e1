"""labelme's JSON files, one beside each image; X-AnyLabeling writes the same.

Source of the format: labelme, `labelme/label_file.py` (imagePath is relative to the JSON file),
`labelme/shape.py` (the points of each kind of shape) and `labelme/utils/shape.py` (a circle is a centre and a
point on it; the corners of a mask are pixels inside it). A shape's `description`, its `flags` that are set,
and X-AnyLabeling's `attributes` are texts about it; those with a text as their value are its attributes, too.
"""

import math
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grounding.boxes import Box, Size
from grounding.categories import Category
from grounding.files import is_regular
from prepare.reasons import REGION_UNREADABLE, REGION_WITHOUT_BOX, REGION_WITHOUT_LABEL
from prepare.source_types import BoxFormat
from prepare.sources.lookup.image_names import spellings
from prepare.sources.parts.named_values import agreed_values, named_values
from prepare.sources.parts.object_texts import attribute_words, describe_attributes, stated_texts
from prepare.sources.parts.outlines import around_points
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.listed import ListedSource, UnreadableError
from prepare.sources.shared.source_values import (
    BadValueError,
    brief_value,
    read_label,
    read_numbers,
    read_side,
    read_text,
)
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.json_head import JsonHead
from prepare.sources.signs.sign import Sign, files_with, only_these
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import (
    DescribedRegion,
    DescribedSource,
    FileEntries,
    ImageEntry,
    fixed_boxes,
)
from prepare.sources.tool_files.paired_images import image_named
from prepare.sources.tool_files.split_words import find_split_files
from prepare.sources.tool_files.text_files import load_small_json

USUAL_BOXES = BoxFormat("xyxy", "pixels")

FILES = "**/*.json"

POINTS = frozenset({"point", "points"})
OUTLINES = frozenset(
    {"rectangle", "polygon", "line", "linestrip", "rotation", "oriented_rectangle", "quadrilateral"}
)
PARTED = frozenset({"polygon", "mask", "linestrip"})
"""Shapes that are one object if they share label and group: labelme joins them in the same way."""


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield labelme for JSON files with shapes and the path of an image."""
    looked_at = listing.sample(".json")
    found = [name for name in looked_at if _is_labelme(listing.json(name))]
    if found:
        evidence = files_with(found, "shapes and the path of one image")
        every = listing.with_suffix(".json") if len(found) == len(looked_at) else found
        yield Sign("labelme", evidence, frozenset(every), keys=only_these(every, listing, ".json"))


def _is_labelme(head: JsonHead) -> bool:
    return head.has("shapes") and head.has_any(("imagePath",), ("imageData",), ("shapes", "[]", "points"))


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read every JSON file; the words train and val in their paths are the splits.

    Raises:
        UserError: no JSON files, or two of them describe one image.
    """
    del categories  # the files name them
    box_format = fixed_boxes(source, USUAL_BOXES)
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES)
    longest = source.max_text
    return DescribedSource(source, folder, files, box_format, lost).read(
        lambda path: read_labelme(path, folder, longest), is_one_image_each=True
    )


def read_labelme(path: Path, folder: Path, longest: int) -> FileEntries:
    """Return the image of a file; its name is relative to `folder`.

    Raises:
        UnreadableError: not a file of labelme, or values of other types.
    """
    content = load_small_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise UnreadableError(f"{path}: no list `shapes`: not a file of labelme")
    left: Counter[str] = Counter()
    try:
        stated = read_text(content.get("imagePath"), "imagePath")
        width, height = (read_side(content.get(key), key) for key in ("imageWidth", "imageHeight"))
        regions = _regions(content["shapes"], left, longest)
    except BadValueError as error:
        raise UnreadableError(f"{path}: {error}") from error
    size = Size(width, height) if width and height else None
    return FileEntries([ImageEntry(_name(path, folder, stated), str(path), regions, size)], left)


def _name(path: Path, folder: Path, stated: str) -> str:
    """Return the image's path relative to the folder; without it, that of an image named as the JSON file."""
    below = path.parent.relative_to(folder).as_posix()
    for spelled in spellings(stated):
        if is_regular(path.parent / spelled):
            return posixpath.normpath(posixpath.join(below, spelled))
    beside = image_named(path.with_suffix(""), path)
    return beside.relative_to(folder).as_posix() if beside else stated


def _regions(shapes: Sequence[Any], left: Counter[str], longest: int) -> list[DescribedRegion]:
    regions: list[DescribedRegion] = []
    groups: dict[tuple[str, Any], int] = {}
    for number, shape in enumerate(shapes):
        where = f"shapes[{number}]"
        if not isinstance(shape, dict):
            raise BadValueError(f"{where}: an object is needed, there is {brief_value(shape)}")
        kind = shape.get("shape_type") or "polygon"  # files of labelme 3 name no shape
        label = read_label(shape.get("label"), f"{where}.label", longest)
        if not isinstance(kind, str):
            left[REGION_UNREADABLE] += 1
        elif kind in POINTS:
            left[REGION_WITHOUT_BOX] += 1
        elif not label.strip():
            left[REGION_WITHOUT_LABEL] += 1
        elif (box := _box(kind, shape.get("points"))) is None:
            left[REGION_UNREADABLE] += 1
        else:
            words = [*attribute_words(shape.get("flags")), *attribute_words(shape.get("attributes"))]
            texts = (*stated_texts(shape.get("description")), *describe_attributes(label, words))
            values = agreed_values(named_values(shape.get("flags")), named_values(shape.get("attributes")))
            region = DescribedRegion(box, label, shape.get("difficult") is True, None, texts, values)
            group = shape.get("group_id")
            key = label, group if isinstance(group, (int, str)) else None
            if kind in PARTED and key[1] is not None and key in groups:
                regions[groups[key]] = _joined(regions[groups[key]], region)
            else:
                if kind in PARTED:
                    groups[key] = len(regions)
                regions.append(region)
    return regions


def _box(kind: str, points: Any) -> tuple[float, ...] | None:
    """Return the box around a shape, empty if its points are no numbers; None for another kind."""
    pairs = [read_numbers(point) for point in points] if isinstance(points, list) else []
    if not pairs or any(len(pair) != 2 for pair in pairs):
        return ()
    xs, ys = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if kind == "circle":
        radius = math.dist(pairs[0], pairs[1]) if len(pairs) == 2 else math.nan
        return around_points([xs[0] - radius, xs[0] + radius], [ys[0] - radius, ys[0] + radius])
    if kind == "mask":
        corners = around_points(xs, ys)
        return (*corners[:2], *(value + 1 for value in corners[2:]))
    return around_points(xs, ys) if kind in OUTLINES else None


def _joined(first: DescribedRegion, second: DescribedRegion) -> DescribedRegion:
    """Return the region of two parts of one object; what is said of either is said of it."""
    texts = tuple(dict.fromkeys((*first.texts, *second.texts)))
    values = agreed_values(first.attributes, second.attributes)
    first, second = (replace(part, texts=texts, attributes=values) for part in (first, second))
    if len(first.box) != 4 or len(second.box) != 4:
        return first if len(first.box) == 4 else second
    one, other = Box(*first.box), Box(*second.box)
    if not (one.is_finite and other.is_finite):
        return first if one.is_finite else second
    around = Box.around([one.x1, one.x2, other.x1, other.x2], [one.y1, one.y2, other.y1, other.y2])
    return replace(first, box=around.xyxy, is_crowd=first.is_crowd and second.is_crowd)
