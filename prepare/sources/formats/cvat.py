"""CVAT's XML, "CVAT for images 1.1".

Source of the format: docs.cvat.ai, "XML annotation format", version 1.1, and CVAT's
`cvat/apps/dataset_manager/formats/cvat.py`. Corners are in pixels; boxes and ellipses are turned around their
centres, in degrees. A number in the file name, as COCO and `prepare.export` write it, is the id of an image,
else CVAT's own, which begins at 0 in each task. `subset` of an image is its split. An `attribute` of a shape
is one of the object, if its value is a text.
"""

import math
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from grounding.predictions.annotations import LARGEST_SIDE
from prepare.reasons import IMAGE_IN_NO_SPLIT, REGION_UNREADABLE, REGION_WITHOUT_BOX, REGION_WITHOUT_LABEL
from prepare.source_types import BoxFormat
from prepare.sources.parts.named_values import agreed_values, named_values
from prepare.sources.parts.outlines import Corners, around_ellipse, around_points, around_rectangle
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.identity import number_in_name
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import BadValueError, number_in, read_label
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with, only_these
from prepare.sources.signs.xml_head import XmlHead
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import (
    DescribedRegion,
    DescribedSource,
    FileEntries,
    ImageEntry,
    fixed_boxes,
)
from prepare.sources.tool_files.split_words import find_split_files
from prepare.sources.tool_files.text_files import check_regular
from prepare.split_of_name import split_of

USUAL_BOXES = BoxFormat("xyxy", "pixels")

FILES = "**/*.xml"

WITHOUT_BOX = frozenset({"points", "tag"})
CUBOID = ("xtl1", "xbl1", "xtr1", "xbr1", "xtl2", "xbl2", "xtr2", "xbr2")


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield CVAT for XML files of annotations with images, or with the tracks of a video."""
    found = [name for name in listing.sample(".xml") if _is_cvat(listing.xml(name))]
    if found:
        evidence = files_with(found, "<annotations> with <image>, or <track>")
        yield Sign("cvat", evidence, frozenset(found), keys=only_these(found, listing, ".xml"))


def _is_cvat(head: XmlHead) -> bool:
    return head.root == "annotations" and bool({"image", "track"} & head.names)


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read every XML file; the subsets of the images, or the words train and val in its path, are the splits.

    Raises:
        UserError: no XML files, tracks of a video, or not XML of CVAT.
    """
    del categories  # the files name them
    box_format = fixed_boxes(source, USUAL_BOXES)
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES)
    return DescribedSource(source, folder, files, box_format, lost).read(
        lambda path: read_cvat(path, source.max_text)
    )


def read_cvat(path: Path, longest: int) -> FileEntries:
    """Return the images of a file.

    Raises:
        UserError: not XML of CVAT, or tracks.
    """
    check_regular(path)
    left: Counter[str] = Counter()
    entries: list[ImageEntry] = []
    root: ET.Element | None = None
    try:
        for event, element in ET.iterparse(path, events=("start", "end")):
            if root is None:
                root = element
                if root.tag != "annotations":
                    raise UserError(f"{path}: <{root.tag}> in place of <annotations>: not XML of CVAT")
            if event == "start" and element.tag == "track":
                raise UserError(
                    f"{path}: tracks of a video: export the task as 'CVAT for images 1.1', which has one "
                    "entry for each frame"
                )
            if event == "end" and element.tag == "image":
                entries.append(_entry(element, path, longest, left))
                root.clear()
    except BadValueError as error:
        raise UserError(f"{path}: {error}") from error
    except (ET.ParseError, OSError, ValueError, LookupError) as error:
        raise UserError(f"{path}: not readable as XML: {error}") from error
    if any(entry.split == "train" for entry in entries):
        kept = [entry for entry in entries if entry.split in ("train", "val")]
    else:  # subsets of other names are no splits
        kept = [entry if entry.split == "val" else replace(entry, split=None) for entry in entries]
    left[IMAGE_IN_NO_SPLIT] += len(entries) - len(kept)
    return FileEntries(kept, left)


def _entry(element: ET.Element, path: Path, longest: int, left: Counter[str]) -> ImageEntry:
    stated = element.get("id", "")
    where = f"image {stated}"
    name = element.get("name", "").strip()
    if not name:
        raise BadValueError(f"{where}: no name")
    sides = [element.get(key, "") for key in ("width", "height")]
    if not all(side.isdecimal() and 0 < float(side) <= LARGEST_SIDE for side in sides):
        raise BadValueError(
            f"{where}: width {sides[0]!r}, height {sides[1]!r}: two numbers of pixels are needed"
        )
    regions = []
    for shape in element:
        label = read_label(shape.get("label", ""), f"{where}: label", longest)
        box = None if shape.tag in WITHOUT_BOX else _box(shape)
        if shape.tag in WITHOUT_BOX:
            left[REGION_WITHOUT_BOX] += 1
        elif box is None:
            left[REGION_UNREADABLE] += 1
        elif not label.strip():
            left[REGION_WITHOUT_LABEL] += 1
        else:
            values = [named_values({each.get("name", ""): each.text}) for each in shape.findall("attribute")]
            regions.append(DescribedRegion(box, label, attributes=agreed_values(*values)))
    image_id = number_in_name(name)
    if image_id is None and stated.isdecimal() and len(stated) < 19:
        image_id = int(stated)
    split = split_of(element.get("subset", ""))
    return ImageEntry(
        name, f"{path}, {where} ({name})", regions, Size(int(sides[0]), int(sides[1])), image_id, split
    )


def _box(shape: ET.Element) -> Corners | None:
    """Return the box around a shape, empty if it has no numbers; None for another kind of shape."""
    reader = SHAPES.get(shape.tag)
    if reader is None:
        return None
    try:
        return reader(shape)
    except ValueError:  # a number that is none
        return ()


def _numbers(shape: ET.Element, keys: Sequence[str]) -> list[float]:
    return [number_in(shape.get(key, "")) for key in keys]


def _angle(shape: ET.Element) -> float:
    return math.radians(number_in(shape.get("rotation", "0")))


def _rectangle(shape: ET.Element) -> Corners:
    x1, y1, x2, y2 = _numbers(shape, ("xtl", "ytl", "xbr", "ybr"))
    angle = _angle(shape)
    if not angle:
        return x1, y1, x2, y2
    return around_rectangle((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, angle)


def _outline(shape: ET.Element) -> Corners:
    pairs = [pair.split(",") for pair in shape.get("points", "").split(";")]
    if any(len(pair) != 2 for pair in pairs):
        return ()
    return around_points([number_in(x) for x, _ in pairs], [number_in(y) for _, y in pairs])


def _ellipse(shape: ET.Element) -> Corners:
    cx, cy, rx, ry = _numbers(shape, ("cx", "cy", "rx", "ry"))
    return around_ellipse(cx, cy, rx, ry, _angle(shape))


def _mask(shape: ET.Element) -> Corners:
    """Return the frame of a mask, which CVAT cuts to the mask."""
    left, top, width, height = _numbers(shape, ("left", "top", "width", "height"))
    return left, top, left + width, top + height


def _cuboid(shape: ET.Element) -> Corners:
    return around_points(
        _numbers(shape, CUBOID), _numbers(shape, [key.replace("x", "y", 1) for key in CUBOID])
    )


def _skeleton(shape: ET.Element) -> Corners:
    """Return the box around the points of a skeleton that are in the picture."""
    points = [point for point in shape.findall("points") if point.get("outside") != "1"]
    pairs = [point.get("points", "").split(",") for point in points]
    if any(len(pair) != 2 for pair in pairs):
        return ()
    return around_points([number_in(x) for x, _ in pairs], [number_in(y) for _, y in pairs])


SHAPES: dict[str, Callable[[ET.Element], Corners]] = {
    "box": _rectangle,
    "polygon": _outline,
    "polyline": _outline,
    "ellipse": _ellipse,
    "mask": _mask,
    "cuboid": _cuboid,
    "skeleton": _skeleton,
}
"""What makes a box of each shape of CVAT."""
