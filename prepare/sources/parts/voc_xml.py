"""VOC's XML files: one image each."""

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from grounding.boxes import Size
from grounding.predictions.annotations import LARGEST_SIDE
from prepare.sources.parts.outlines import around_rectangle
from prepare.sources.shared.listed import UnreadableError, read_annotation
from prepare.sources.shared.source_values import number_in

CORNERS = ("xmin", "ymin", "xmax", "ymax")
ROTATED = ("cx", "cy", "w", "h", "angle")
"""A rotated box of roLabelImg: centre, sides, and the angle in radians."""


@dataclass(frozen=True)
class XmlImage:
    """What an XML file says: the name of the image file, its size, and the objects as parallel lists.

    A box without four numbers is empty; `marks` tells which objects are difficult.
    """

    filename: str
    size: Size | None
    boxes: tuple[tuple[float, ...], ...]
    labels: tuple[str | None, ...]
    marks: tuple[bool, ...]


def read_xml(path: Path) -> XmlImage:
    """Read one annotation file.

    Raises:
        UnreadableError: not XML.
    """
    try:
        root = ET.fromstring(read_annotation(path))
    except (ET.ParseError, OSError, ValueError, LookupError) as error:
        # LookupError: an encoding that nobody knows.
        raise UnreadableError(f"{path}: {error}") from error
    objects = root.findall("object")
    return XmlImage(
        (root.findtext("filename") or "").strip(),
        _size(root),
        tuple(_box(element) for element in objects),
        tuple((element.findtext("name") or "").strip() or None for element in objects),
        tuple((element.findtext("difficult") or "").strip().lower() in ("1", "true") for element in objects),
    )


def _size(root: ET.Element) -> Size | None:
    sides = _numbers(root, "size", ("width", "height"))
    if not sides or not all(0 < side <= LARGEST_SIDE for side in sides):
        return None
    return Size(int(sides[0]), int(sides[1]))


def _box(element: ET.Element) -> tuple[float, ...]:
    """Return the corners of an object's box; of a rotated box, those of the upright box around it."""
    if corners := _numbers(element, "bndbox", CORNERS):
        return corners
    if rotated := _numbers(element, "robndbox", ROTATED):
        return around_rectangle(*rotated)
    return ()


def _numbers(element: ET.Element, tag: str, names: tuple[str, ...]) -> tuple[float, ...]:
    """Return the numbers in the elements below a tag; none if one is missing or no finite number."""
    try:
        numbers = tuple(number_in(element.findtext(f"{tag}/{name}") or "") for name in names)
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()
