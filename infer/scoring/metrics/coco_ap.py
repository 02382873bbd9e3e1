"""COCO's average precision and average recall, computed by faster-coco-eval on original pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grounding.boxes import Box
from grounding.matching import AT_50, AT_75
from infer.runs.predictions import Prediction
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import BOXES, Metric, MetricFamily, Value
from infer.scoring.resampling.average_precision import RankedDetections, average_precisions, rank_detections
from infer.scoring.resampling.ratios import FloatArray

_METRICS = {
    "AP": Metric("AP, IoU 0.50 to 0.95", BOXES),
    "AP50": Metric("AP at IoU 0.50", BOXES),
    "AP75": Metric("AP at IoU 0.75", BOXES),
    "AP_small": Metric("AP, small objects", BOXES),
    "AP_medium": Metric("AP, medium objects", BOXES),
    "AP_large": Metric("AP, large objects", BOXES),
    "AR": Metric("AR, IoU 0.50 to 0.95", BOXES),
    "AP_no_score": Metric("AP, every score 1.0", BOXES, is_optional=True),
    "AP50_no_score": Metric("AP at IoU 0.50, every score 1.0", BOXES, is_optional=True),
    "AP75_no_score": Metric("AP at IoU 0.75, every score 1.0", BOXES, is_optional=True),
}

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

MEASURED_WITHOUT_SCORES = ("AP", "AP50", "AP75")
"""Predictions with scores get these a second time, with every score set to 1.0."""

SCORE_OF_GREEDY_ANSWERS = 1.0


@dataclass(frozen=True)
class CocoScores:
    """COCO's numbers over all categories and of each one; None without such objects, where COCO has no value.

    `ranked` are the detections that AP is computed from; resampling computes it again from them.
    """

    statistics: dict[str, float | None]
    per_category: dict[str, dict[str, float | None]]
    ranked: tuple[RankedDetections, ...]


@dataclass(frozen=True)
class MeasuredCoco:
    """COCO's numbers, and AP without scores where the predictions have scores."""

    with_scores: CocoScores
    without_scores: CocoScores | None

    @property
    def values(self) -> Mapping[str, Value]:
        """The value of each metric."""
        values: dict[str, Value] = {**self.with_scores.statistics}
        if self.without_scores is not None:
            for key in MEASURED_WITHOUT_SCORES:
                values[f"{key}_no_score"] = self.without_scores.statistics[key]
        return values

    @property
    def per_category(self) -> Mapping[str, Mapping[str, Value]]:
        """AP, AP50, AP75 and AR of each category."""
        return self.with_scores.per_category

    def resample(self, weights: FloatArray) -> Mapping[str, FloatArray]:
        """Return AP, AP50 and AP75 of each draw."""
        return average_precisions(self.with_scores.ranked, weights)


def measure_coco(evaluation: Evaluation) -> MeasuredCoco:
    """Measure AP and AR by the predictions' own scores and, where they have scores, AP without them."""
    arguments = evaluation.annotations, label_with_categories(evaluation), evaluation.category_ids
    return MeasuredCoco(
        coco_scores(*arguments),
        coco_scores(*arguments, with_scores=False) if evaluation.has_scores else None,
    )


def results_of(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the detections in COCO's results format."""
    return coco_results(label_with_categories(evaluation), evaluation.category_ids)


def label_with_categories(evaluation: Evaluation) -> list[Prediction]:
    """Return the predictions with the category of the true object in place of a referring expression.

    COCO's AP goes by category. An expression that no object matches gets the first category: its detections
    are false positives, whatever category they have.
    """
    first_category = evaluation.card.categories[0].name

    def with_category(item: Prediction) -> Prediction:
        name = evaluation.category_of.get(item.image_id, first_category)
        expression = evaluation.expressions.get(item.image_id)
        found = (replace(one, label=name) if one.label == expression else one for one in item.detections)
        return replace(item, detections=tuple(found))

    return [with_category(item) for item in evaluation.predictions]


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
) -> CocoScores:
    """Evaluate predictions against COCO annotations of the same images.

    Detections whose label is no category are left out. A detection without a score gets 1.0, and so do all
    detections with `with_scores=False`. Detections with equal scores rank in the order of the answer; at
    most 100 detections of a category count in an image, those with the highest rank.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    silent = {"print_function": _ignore}
    truth = COCO(annotations, **silent)
    results = coco_results(predictions, category_ids, with_scores=with_scores)
    found = COCO(_as_annotations(annotations, results), **silent)
    evaluation = COCOeval_faster(truth, found, iouType="bbox", **silent)
    evaluation.run()
    values = [float(value) for value in evaluation.stats]
    return CocoScores(
        {name: values[place] if values[place] >= 0 else None for name, place in STATISTICS.items()},
        _per_category(evaluation, category_ids),
        tuple(rank_detections(evaluation, annotations, results)),
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


COCO_AP = MetricFamily(_METRICS, measure_coco)
