"""COCO's average precision and average recall."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from grounding.predictions.prediction_rows import Prediction
from infer.scoring.coco_evaluation import CocoScores, coco_results, coco_scores
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import BOXES, Drawn, Metric, MetricFamily, Value
from infer.scoring.resampling.average_precision import (
    PRECISIONS,
    category_precisions,
    mean_over_categories,
)
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

MEASURED_WITHOUT_SCORES = ("AP", "AP50", "AP75")
"""Predictions with scores get these a second time, with every score set to 1.0."""


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

    def resample(self, weights: FloatArray) -> Drawn:
        """Return AP, AP50 and AP75 of each draw, also of each category."""
        found = category_precisions(self.with_scores.ranked, weights)
        return Drawn(
            mean_over_categories(found),
            {
                name: dict(zip(PRECISIONS, found[place], strict=True))
                for name, place in self.with_scores.places.items()
            },
        )


def measure_coco(evaluation: Evaluation) -> MeasuredCoco:
    """Measure AP and AR by the predictions' own scores and, where they have scores, AP without them."""
    arguments = evaluation.annotations, label_with_categories(evaluation), evaluation.category_ids
    limit = evaluation.max_detections
    return MeasuredCoco(
        coco_scores(*arguments, max_detections=limit),
        coco_scores(*arguments, with_scores=False, max_detections=limit) if evaluation.has_scores else None,
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


COCO_AP = MetricFamily(_METRICS, measure_coco)
