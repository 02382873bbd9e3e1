"""Precision, recall and F1 at IoU thresholds, for answers without scores.

Source: Jiang et al., Detect Anything via Next Point Prediction (Rex-Omni), arXiv 2510.12798: F1 at IoU 0.5
and 0.95, and "F1@mIoU", the mean over the ten thresholds from 0.5 to 0.95. At each threshold, right, wrong
and missed objects are counted over all images and categories; detections in crowd regions do not count.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from grounding.matching import AT_50, AT_75, AT_95, IOU_THRESHOLDS, Matches
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import BOXES, MeasuredRatios, Metric, MetricFamily
from infer.scoring.resampling.ratios import FloatArray, Ratio

THRESHOLDS_OF = {"50": [AT_50], "75": [AT_75], "95": [AT_95], "mean": list(range(len(IOU_THRESHOLDS)))}
"""Ending of a metric's key -> positions of its thresholds in IOU_THRESHOLDS."""

_WORDS = {"50": " at IoU 0.50", "75": " at IoU 0.75", "95": " at IoU 0.95", "mean": ", IoU 0.50 to 0.95"}

_METRICS = {
    **{
        f"{key}_{ending}": Metric(f"{name}{words}", BOXES)
        for ending, words in _WORDS.items()
        for key, name in {"precision": "precision", "recall": "recall", "f1": "F1"}.items()
    },
    "mean_iou": Metric("mean IoU of matched pairs", BOXES, is_share=False),
}


def measure_f1(evaluation: Evaluation) -> MeasuredRatios:
    """Measure precision, recall, F1 and the mean IoU of the matched pairs."""
    category_of_expression = [
        {expression: evaluation.category_of[item.image_id]}
        if (expression := evaluation.expressions.get(item.image_id))
        and item.image_id in evaluation.category_of
        else {}
        for item in evaluation.predictions
    ]
    return MeasuredRatios(
        f1_ratios(evaluation.matches),
        per_category=f1_per_category(
            evaluation.matches, list(evaluation.category_ids), category_of_expression
        ),
    )


def f1_ratios(matches: Sequence[Matches]) -> dict[str, Ratio]:
    """Return precision_50 to f1_mean, and mean_iou of the pairs matched at IoU 0.5."""
    counts = _count(matches)  # (images, thresholds, right | wrong | missed)
    ratios: dict[str, Ratio] = {}
    for ending, positions in THRESHOLDS_OF.items():
        right, wrong, missed = (counts[:, positions, kind] for kind in range(3))
        ratios[f"precision_{ending}"] = Ratio(right, right + wrong)
        ratios[f"recall_{ending}"] = Ratio(right, right + missed)
        ratios[f"f1_{ending}"] = Ratio(2 * right, 2 * right + wrong + missed)
    ratios["mean_iou"] = Ratio.of((sum(item.ious) for item in matches), counts[:, AT_50, 0])
    return ratios


def f1_per_category(
    matches: Sequence[Matches],
    categories: Sequence[str],
    category_of_expression: Sequence[Mapping[str, str]],
) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 at IoU 0.5 of each category, with its objects and detections.

    `category_of_expression` has an entry for each image: referring expression -> category of its object.
    """
    totals = {name: np.zeros(5) for name in categories}
    for item, names in zip(matches, category_of_expression, strict=True):
        for label in {*item.labels, *item.object_labels}:
            if (name := names.get(label, label)) in totals:
                sizes = (item.object_labels.count(label), item.labels.count(label))
                totals[name] += (*item.count(AT_50, label), *sizes)
    return {
        name: {
            "precision_50": _share(right, right + wrong),
            "recall_50": _share(right, right + missed),
            "f1_50": _share(2 * right, 2 * right + wrong + missed),
            "objects": int(objects),
            "detections": int(detections),
        }
        for name, (right, wrong, missed, objects, detections) in totals.items()
    }


def _count(matches: Sequence[Matches]) -> FloatArray:
    counts = [[item.count(position) for position in range(len(IOU_THRESHOLDS))] for item in matches]
    return np.array(counts, np.float64).reshape(len(matches), len(IOU_THRESHOLDS), 3)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


F1 = MetricFamily(_METRICS, measure_f1)
