"""Precision, recall and F1 at IoU thresholds, for answers without scores.

Source: Jiang et al., Detect Anything via Next Point Prediction (Rex-Omni), arXiv 2510.12798: F1 at IoU 0.5
and 0.95, and "F1@mIoU", the mean over the ten thresholds from 0.5 to 0.95. At each threshold, right, wrong
and missed objects are counted over all images and categories; detections in crowd regions do not count.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from grounding.matching import AT_50, AT_75, AT_95, IOU_THRESHOLDS, Matches
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import BOXES, MeasuredRatios, Metric, MetricFamily
from infer.scoring.resampling.ratios import FloatArray, PartialRatio, Ratio

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
    counts = count_by_category(evaluation.matches, list(evaluation.category_ids), category_of_expression)
    return MeasuredRatios(
        f1_ratios(evaluation.matches),
        per_category=f1_per_category(counts),
        category_ratios=f1_ratios_by_category(counts),
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


CategoryCounts = tuple[npt.NDArray[np.int64], FloatArray]
"""Positions of the images with a category, and right, wrong, missed, objects and detections in each."""


def count_by_category(
    matches: Sequence[Matches],
    categories: Sequence[str],
    category_of_expression: Sequence[Mapping[str, str]],
) -> dict[str, CategoryCounts]:
    """Return the counts at IoU 0.5 of each category.

    `category_of_expression` has an entry for each image: referring expression -> category of its object.
    """
    rows: dict[str, list[tuple[int, ...]]] = {name: [] for name in categories}
    for place, (item, names) in enumerate(zip(matches, category_of_expression, strict=True)):
        for label in sorted({*item.labels, *item.object_labels}):
            if (name := names.get(label, label)) in rows:
                sizes = (item.object_labels.count(label), item.labels.count(label))
                rows[name].append((place, *item.count(AT_50, label), *sizes))
    arrays = {name: np.array(found, np.int64).reshape(-1, 6) for name, found in rows.items()}
    return {name: (found[:, 0], found[:, 1:].astype(np.float64)) for name, found in arrays.items()}


def f1_per_category(counts: Mapping[str, CategoryCounts]) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 at IoU 0.5 of each category, with its objects and detections."""
    ratios = f1_ratios_by_category(counts)
    return {
        name: {
            **{column: ratio.value for column, ratio in ratios[name].items()},
            "objects": int(found[:, 3].sum()),
            "detections": int(found[:, 4].sum()),
        }
        for name, (_, found) in counts.items()
    }


def f1_ratios_by_category(counts: Mapping[str, CategoryCounts]) -> dict[str, dict[str, PartialRatio]]:
    """Return precision, recall and F1 at IoU 0.5 of each category as ratios that can be resampled."""
    table = {}
    for name, (images, found) in counts.items():
        right, wrong, missed = found[:, 0], found[:, 1], found[:, 2]
        table[name] = {
            "precision_50": PartialRatio(images, right, right + wrong),
            "recall_50": PartialRatio(images, right, right + missed),
            "f1_50": PartialRatio(images, 2 * right, 2 * right + wrong + missed),
        }
    return table


def _count(matches: Sequence[Matches]) -> FloatArray:
    counts = [[item.count(position) for position in range(len(IOU_THRESHOLDS))] for item in matches]
    return np.array(counts, np.float64).reshape(len(matches), len(IOU_THRESHOLDS), 3)


F1 = MetricFamily(_METRICS, measure_f1)
