"""PASCAL VOC: JPEGImages/, Annotations/ with an XML file per image, ImageSets/Main/{train,val}.txt.

Source of the format: the development kit of VOC2007. Corners are whole numbers of pixels from 1, and these
pixels lie inside the box; a box moves by half a pixel at most. Crowds are marked as difficult.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.files import write_text
from prepare.export import left_out
from prepare.export.annotation_text import add_text, check_xml_names, write_xml
from prepare.export.export_types import ExportedData, ExportedImage, ExportedObject, FormatFacts
from prepare.progress import watched

if TYPE_CHECKING:
    from grounding.boxes import Box

FORMAT = FormatFacts("PASCAL VOC, XML files in whole pixels", "JPEGImages", has_crowds=True)


def save(data: ExportedData, folder: Path) -> Counter[str]:
    """Write an XML file for each image; a box without area in whole pixels is counted.

    Raises:
        UserError: XML would change the name of a category.
    """
    check_xml_names(data.names, "voc")
    dropped: Counter[str] = Counter()
    for split, images in data.images.items():
        for image in watched(images, f"writing {split}"):
            write_xml(folder / "Annotations" / f"{image.stem}.xml", _annotation(image, dropped))
        names = "".join(f"{image.stem}\n" for image in images)
        write_text(folder / "ImageSets" / "Main" / f"{split}.txt", names)
    return dropped


def _annotation(image: ExportedImage, dropped: Counter[str]) -> ET.Element:
    root = ET.Element("annotation")
    add_text(root, folder=Path(FORMAT.images).name, filename=image.name)
    size = ET.SubElement(root, "size")
    add_text(size, width=image.size.width, height=image.size.height, depth=3)
    add_text(root, segmented=0)
    for item in image.objects:
        corners = _corners(item.box)
        if corners is None:
            dropped[left_out.THIN_BOX] += 1
        else:
            root.append(_object(item, corners))
    return root


def _corners(box: "Box") -> dict[str, int] | None:
    """Return the first and last pixel, from 1, along each side; None if there is no pixel between."""
    x1, y1, x2, y2 = map(round, box.xyxy)
    return {"xmin": x1 + 1, "ymin": y1 + 1, "xmax": x2, "ymax": y2} if x2 > x1 and y2 > y1 else None


def _object(item: ExportedObject, corners: dict[str, int]) -> ET.Element:
    element = ET.Element("object")
    add_text(element, name=item.label, pose="Unspecified", truncated=0, difficult=int(item.is_crowd))
    add_text(ET.SubElement(element, "bndbox"), **corners)
    return element
