"""Label Studio: SPLIT.json with a task per image, label_config.xml, and images/.

Source of the format: the pages "Import pre-annotated data", "RectangleLabels" and "Local storage" of
labelstud.io/guide. Boxes are percentages of the image. Start Label Studio with
LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=output_dir, add
output_dir/images as local storage, and import SPLIT.json. A run's boxes are predictions, with scores, for a
person to correct; the truth is annotations. `data` keeps the id and the name of the image.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from grounding.files import write_text
from prepare.export.annotation_text import check_xml_names, compact_json, write_xml
from prepare.export.export_types import ExportedData, ExportedImage, ExportedObject, FormatFacts
from prepare.progress import watched

FORMAT = FormatFacts("Label Studio tasks; a run's boxes as predictions to correct", "images", has_scores=True)

NAME, IMAGE = "label", "image"
"""Of the two parts of the labelling interface."""


def save(data: ExportedData, folder: Path) -> Counter[str]:
    """Write the tasks of each split, and the labelling interface.

    Raises:
        UserError: XML would change the name of a category.
    """
    check_xml_names(data.names, "label_studio")
    for split, images in data.images.items():
        write_text(
            folder / f"{split}.json",
            compact_json([_task(image, data.model) for image in watched(images, f"writing {split}")]),
        )
    view = ET.Element("View")
    ET.SubElement(view, "Image", {"name": IMAGE, "value": f"${IMAGE}"})
    labels = ET.SubElement(view, "RectangleLabels", {"name": NAME, "toName": IMAGE})
    for name in data.names:
        ET.SubElement(labels, "Label", {"value": name})
    write_xml(folder / "label_config.xml", view)
    return Counter()


def _task(image: ExportedImage, model: str) -> dict[str, Any]:
    place = f"/data/local-files/?d={FORMAT.images}/{quote(image.name)}"
    task: dict[str, Any] = {
        "data": {IMAGE: place, "image_id": image.image_id, "image_name": image.name}
        | ({"source": image.source} if image.source else {})
    }
    regions = [_region(number, item, image) for number, item in enumerate(image.objects)]
    if not model:
        return {**task, "annotations": [{"result": regions}]}
    scores = [item.score for item in image.objects if item.score is not None]
    prediction: dict[str, Any] = {"model_version": model, "result": regions}
    if scores:
        prediction["score"] = sum(scores) / len(scores)
    return {**task, "predictions": [prediction]}


def _region(number: int, item: ExportedObject, image: ExportedImage) -> dict[str, Any]:
    x, y, width, height = item.box.xywh
    across, down = image.size.width, image.size.height
    region: dict[str, Any] = {
        "id": f"{image.image_id}_{number}",
        "type": "rectanglelabels",
        "from_name": NAME,
        "to_name": IMAGE,
        "original_width": across,
        "original_height": down,
        "image_rotation": 0,
        "value": {
            "x": x / across * 100,
            "y": y / down * 100,
            "width": width / across * 100,
            "height": height / down * 100,
            "rotation": 0,
            "rectanglelabels": [item.label],
        },
    }
    return region if item.score is None else {**region, "score": item.score}
