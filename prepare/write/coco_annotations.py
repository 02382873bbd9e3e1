"""The ground truth of the validation images, in COCO's format."""

from collections.abc import Sequence
from typing import Any

from grounding.categories import Category
from grounding.samples import Sample


def coco_annotations(samples: Sequence[Sample], categories: Sequence[Category]) -> dict[str, Any]:
    """Return samples as COCO ground truth: boxes as xywh in original pixels, ids from 1.

    Source of the format: the data format page of cocodataset.org. No annotation has the id 0, because
    pycocotools takes it for "not matched".
    """
    category_ids = {category.name: category.id for category in categories}
    annotations = [
        {
            "image_id": sample.image_id,
            "category_id": category_ids[detection.label],
            "bbox": list(detection.box.xywh),
            "area": area,
            "iscrowd": is_crowd,
        }
        for sample in samples
        for is_crowd, detections, areas in (
            (0, sample.detections, sample.areas),
            (1, sample.crowds, sample.crowd_areas),
        )
        for detection, area in zip(detections, areas, strict=True)
    ]
    return {
        "images": [_image_entry(sample) for sample in samples],
        "annotations": [{"id": number, **row} for number, row in enumerate(annotations, start=1)],
        "categories": [{"id": category.id, "name": category.name} for category in categories],
    }


def _image_entry(sample: Sample) -> dict[str, Any]:
    entry = {
        "id": sample.image_id,
        "file_name": sample.image,
        "width": sample.size.width,
        "height": sample.size.height,
    }
    if sample.expression is None:
        return entry
    return entry | {"asked": sample.expression, "negative": sample.negative}
