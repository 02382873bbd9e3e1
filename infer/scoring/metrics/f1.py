"""Precision, recall and F1 at IoU thresholds: the protocol for answers that have no scores.

Source: Jiang et al., Detect Anything via Next Point Prediction (Rex-Omni), arXiv 2510.12798: F1 at IoU 0.5
and 0.95, and the mean over the ten thresholds 0.5 to 0.95, "F1@mIoU". Here right, wrong and missed objects of
all images and categories are counted together at each threshold; objects in crowd regions are left out.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from grounding.matching import AT_50, AT_75, AT_95, IOU_THRESHOLDS, Matches
from infer.scoring.metrics.ratios import FloatArray, Ratio

ENDINGS = {"50": [AT_50], "75": [AT_75], "95": [AT_95], "mean": list(range(len(IOU_THRESHOLDS)))}
"""Ending of a metric's key -> places of its thresholds."""


def f1_ratios(matches: Sequence[Matches]) -> dict[str, Ratio]:
    """Return precision_50 ... f1_mean, and mean_iou of the pairs matched at IoU 0.5, of the images."""
    counts = _count(matches)  # (images, thresholds, right | wrong | missed)
    ratios: dict[str, Ratio] = {}
    for ending, chosen in ENDINGS.items():
        right, wrong, missed = (counts[:, chosen, kind] for kind in range(3))
        ratios[f"precision_{ending}"] = Ratio(right, right + wrong)
        ratios[f"recall_{ending}"] = Ratio(right, right + missed)
        ratios[f"f1_{ending}"] = Ratio(2 * right, 2 * right + wrong + missed)
    ratios["mean_iou"] = Ratio.of((sum(item.ious) for item in matches), counts[:, AT_50, 0])
    return ratios


def f1_per_category(
    matches: Sequence[Matches], categories: Sequence[str], named: Sequence[Mapping[str, str]]
) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 at IoU 0.5 of each category, with its objects and detections.

    `named` tells for each image which category a label stands for that is none.
    """
    totals = {name: np.zeros(5) for name in categories}
    for item, names in zip(matches, named, strict=True):
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
    counts = [[item.count(place) for place in range(len(IOU_THRESHOLDS))] for item in matches]
    return np.array(counts, np.float64).reshape(len(matches), len(IOU_THRESHOLDS), 3)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
