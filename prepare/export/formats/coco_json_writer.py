"""COCO JSON: annotations/instances_SPLIT.json, images in train/ and val/.

Source of the format: the data format page of cocodataset.org. A predicted box has the key `score`, as in
COCO's results; readers of annotations pass over it.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from grounding.files import write_text
from prepare.export.annotation_text import compact_json
from prepare.export.export_types import ExportedData, ExportedImage, FormatFacts
from prepare.progress import watched

FORMAT = FormatFacts("COCO JSON, for most detectors and tools", "{split}", has_crowds=True, has_scores=True)


def save(data: ExportedData, folder: Path) -> Counter[str]:
    """Write one file for each split; ids of images and categories are those of the data set."""
    numbers = {category.name: category.id for category in data.categories}
    for split, images in data.images.items():
        annotations = [
            row for image in watched(images, f"writing {split}") for row in _annotations(image, numbers)
        ]
        content = {
            "images": [
                {
                    "id": image.image_id,
                    "file_name": image.name,
                    "width": image.size.width,
                    "height": image.size.height,
                }
                for image in images
            ],
            "annotations": [{"id": number, **row} for number, row in enumerate(annotations, start=1)],
            "categories": [{"id": category.id, "name": category.name} for category in data.categories],
        }
        write_text(folder / "annotations" / f"instances_{split}.json", compact_json(content))
    return Counter()


def _annotations(image: ExportedImage, numbers: dict[str, int]) -> list[dict[str, Any]]:
    rows = []
    for item in image.objects:
        row = {
            "image_id": image.image_id,
            "category_id": numbers[item.label],
            "bbox": list(item.box.xywh),
            "area": item.box.area if item.area is None else item.area,
            "iscrowd": int(item.is_crowd),
        }
        rows.append(row if item.score is None else {**row, "score": item.score})
    return rows
