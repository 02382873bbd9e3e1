"""COCO's evaluation of predictions, computed by faster-coco-eval on original pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from grounding.boxes import Box
from grounding.matching import AT_50, AT_75
from grounding.predictions.prediction_rows import Prediction
from infer.run_settings import MAX_DETECTIONS
from infer.scoring.resampling.average_precision import RankedDetections
from infer.scoring.resampling.ranking import CategoryOverlaps, find_overlaps, rank

STATISTICS = {
    "AP": 0,
    "AP50": 1,
    "AP75": 2,
    "AP_small": 3,
    "AP_medium": 4,
    "AP_large": 5,
    "AR": 8,
}
"""Metric -> place in COCO's list of 12. AR: at `max_detections`. Source: cocodataset.org/#detection-eval."""

SCORE_OF_GREEDY_ANSWERS = 1.0


@dataclass(frozen=True)
class CocoScores:
    """COCO's numbers over all categories and of each one; None without such objects, where COCO has no value.

    `overlaps` are what AP is computed from: resampling computes it again from them; `places` has
    the position of each category in them.
    """

    statistics: dict[str, float | None]
    per_category: dict[str, dict[str, float | None]]
    overlaps: tuple[CategoryOverlaps, ...]
    places: Mapping[str, int]

    @cached_property
    def ranked(self) -> tuple[RankedDetections, ...]:
        """The ranked detections of each category, in the order of the category ids."""
        return tuple(rank(category) for category in self.overlaps)


def coco_statistics(
    annotations: dict[str, Any], predictions: Sequence[Prediction], category_ids: Mapping[str, int]
) -> dict[str, float | None]:
    """Return AP, AP50, AP75, AP by area, and AR; see `coco_scores`."""
    return coco_scores(annotations, predictions, category_ids).statistics


def coco_scores(
    annotations: dict[str, Any],
    predictions: Sequence[Prediction],
    category_ids: Mapping[str, int],
    *,
    with_scores: bool = True,
    max_detections: int = MAX_DETECTIONS,
) -> CocoScores:
    """Evaluate predictions against COCO annotations of the same images.

    Detections whose label is no category are left out. A detection without a score gets 1.0, and so do all
    detections with `with_scores=False`. Detections with equal scores rank in the order of the answer; at
    most `max_detections` of a category count in an image, those with the highest rank.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    silent = {"print_function": _ignore}
    truth = COCO(annotations, **silent)
    results = coco_results(predictions, category_ids, with_scores=with_scores)
    found = COCO(_as_annotations(annotations, results), **silent)
    evaluation = COCOeval_faster(truth, found, iouType="bbox", **silent)
    if max_detections != MAX_DETECTIONS:
        # Three, as COCO has three; AR at 1 and at 10 detections is not read.
        evaluation.params.maxDets = [max_detections] * 3
    evaluation.run()
    places = {int(category): place for place, category in enumerate(evaluation.params.catIds)}
    values = [float(value) for value in evaluation.stats]
    return CocoScores(
        {name: values[place] if values[place] >= 0 else None for name, place in STATISTICS.items()},
        _per_category(evaluation, category_ids),
        tuple(find_overlaps(evaluation, annotations, results)),
        {name: places[number] for name, number in category_ids.items() if number in places},
    )


def coco_results(
    predictions: Sequence[Prediction], category_ids: Mapping[str, int], *, with_scores: bool = True
) -> list[dict[str, Any]]:
    """Return detections in COCO's results format; boxes are [x, y, width, height] in pixels."""
    return [
        {
            "image_id": prediction.image_id,
            "category_id": category_ids[found.label],
            "bbox": list(found.box.xywh),
            "score": found.score if with_scores and found.score is not None else SCORE_OF_GREEDY_ANSWERS,
        }
        for prediction in predictions
        for found in prediction.detections
        if found.label in category_ids
    ]


def _as_annotations(annotations: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [
        {**row, "id": number, "area": Box.from_xywh(*row["bbox"]).area, "iscrowd": 0}
        for number, row in enumerate(results, start=1)
    ]
    return {**{key: annotations[key] for key in ("images", "categories")}, "annotations": rows}


def _per_category(evaluation: Any, category_ids: Mapping[str, int]) -> dict[str, dict[str, float | None]]:
    """Return AP, AP50, AP75 and AR of each category: COCO's means, taken over one category."""
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]  # (thresholds, recalls, categories)
    recall = np.asarray(evaluation.eval["recall"])[:, :, 0, -1]  # (thresholds, categories)
    places = {int(category): place for place, category in enumerate(evaluation.params.catIds)}

    def mean(values: Any) -> float | None:
        defined = values[values > -1]
        return float(np.mean(defined)) if defined.size else None

    return {
        name: {
            "AP": mean(precision[:, :, places[number]]),
            "AP50": mean(precision[AT_50, :, places[number]]),
            "AP75": mean(precision[AT_75, :, places[number]]),
            "AR": mean(recall[:, places[number]]),
        }
        for name, number in category_ids.items()
        if number in places
    }


def _ignore(*message: object) -> None:
    """Drop the library's progress messages."""
    del message
