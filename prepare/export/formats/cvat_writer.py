"""CVAT for images 1.1: SPLIT/annotations.xml and SPLIT/images/, one task for each split.

Source of the format: the pages "CVAT for image" and "XML annotation format" of docs.cvat.ai. Create a task
from the images and the labels (labels.json), then upload annotations.xml. CVAT finds an image by its name,
and our names are the ids. A predicted box has the attribute `score` and the source `auto`.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from grounding.files import write_json
from prepare.export.annotation_text import add_text, check_xml_names, write_xml
from prepare.export.export_types import ExportedData, ExportedImage, ExportedObject, FormatFacts
from prepare.progress import watched

FORMAT = FormatFacts("CVAT for images 1.1, with labels.json for the task", "{split}/images", has_scores=True)

SCORE = {"name": "score", "mutable": False, "input_type": "text", "default_value": "", "values": [""]}
"""The attribute of a label that keeps the score of a predicted box."""


def save(data: ExportedData, folder: Path) -> Counter[str]:
    """Write the annotations of each split, and the labels as CVAT's raw editor takes them.

    Raises:
        UserError: XML would change the name of a category.
    """
    check_xml_names(data.names, "cvat")
    for split, images in data.images.items():
        root = ET.Element("annotations")
        add_text(root, version="1.1")
        root.append(_meta(data, split, len(images)))
        listed = enumerate(watched(images, f"writing {split}"))
        root.extend(_image(number, image, data.model) for number, image in listed)
        write_xml(folder / split / "annotations.xml", root)
    attributes = [SCORE] if data.model else []
    write_json(
        folder / "labels.json",
        [{"name": name, "type": "rectangle", "attributes": attributes} for name in data.names],
    )
    return Counter()


def _meta(data: ExportedData, split: str, images: int) -> ET.Element:
    meta = ET.Element("meta")
    task = ET.SubElement(meta, "task")
    add_text(task, name=f"{data.title} {split}", size=images, mode="annotation", overlap=0)
    labels = ET.SubElement(task, "labels")
    for name in data.names:
        label = ET.SubElement(labels, "label")
        add_text(label, name=name, type="rectangle")
        attributes = ET.SubElement(label, "attributes")
        if data.model:
            attribute = ET.SubElement(attributes, "attribute")
            add_text(attribute, name="score", mutable=False, input_type="text", default_value="", values="")
    return meta


def _image(number: int, image: ExportedImage, model: str) -> ET.Element:
    size = {"width": str(image.size.width), "height": str(image.size.height)}
    element = ET.Element("image", {"id": str(number), "name": image.name, **size})
    element.extend(_box(item, model) for item in image.objects)
    return element


def _box(item: ExportedObject, model: str) -> ET.Element:
    corners = zip(("xtl", "ytl", "xbr", "ybr"), map(repr, map(float, item.box.xyxy)), strict=True)
    element = ET.Element(
        "box",
        {
            "label": item.label,
            "source": "auto" if model else "manual",
            "occluded": "0",
            **dict(corners),
            "z_order": "0",
        },
    )
    if item.score is not None:
        attribute = ET.SubElement(element, "attribute", {"name": "score"})
        attribute.text = repr(float(item.score))
    return element
