"""COCO's average precision and recall, computed by faster-coco-eval on original pixels."""

from collections.abc import Mapping, Sequence
from typing import Any

from infer.predictions import Prediction

STATISTICS = {
    "AP": 0,
    "AP50": 1,
    "AP75": 2,
    "AP_small": 3,
    "AP_medium": 4,
    "AP_large": 5,
    "AR": 8,
}
"""Metric -> place in COCO's list of 12. AR: at 100 detections. Source: cocodataset.org/#detection-eval."""

SCORE_OF_GREEDY_ANSWERS = 1.0


def coco_statistics(
    annotations: dict[str, Any], predictions: Sequence[Prediction], category_ids: Mapping[str, int]
) -> dict[str, float | None]:
    """Return AP, AP50, AP75, AP by area, and AR; None where COCO defines no value (no such object).

    `annotations` is COCO's JSON of the images to score. Detections whose label is no category cannot take
    part. A detection without a score gets 1.0: a greedy answer knows no other. Among equal scores the
    evaluation keeps the given order: objects rank in the order in which the answer names them, and of more
    than 100 of a category in an image the first 100 count.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    silent = {"print_function": _ignore}
    truth = COCO(annotations, **silent)
    found = COCO(_as_annotations(annotations, predictions, category_ids), **silent)
    evaluation = COCOeval_faster(truth, found, iouType="bbox", **silent)
    evaluation.run()
    values = [float(value) for value in evaluation.stats]
    return {name: values[place] if values[place] >= 0 else None for name, place in STATISTICS.items()}


def _as_annotations(
    annotations: dict[str, Any], predictions: Sequence[Prediction], category_ids: Mapping[str, int]
) -> dict[str, Any]:
    rows = [
        {
            "image_id": prediction.image_id,
            "category_id": category_ids[found.label],
            "bbox": list(found.box.xywh),
            "area": found.box.area,
            "iscrowd": 0,
            "score": SCORE_OF_GREEDY_ANSWERS if found.score is None else found.score,
        }
        for prediction in predictions
        for found in prediction.detections
        if found.label in category_ids
    ]
    for number, row in enumerate(rows, start=1):
        row["id"] = number
    return {**{key: annotations[key] for key in ("images", "categories")}, "annotations": rows}


def _ignore(*message: object) -> None:
    """Take the library's progress messages."""
    del message
