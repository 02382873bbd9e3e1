"""The metrics of scores.json: their keys, names and groups, and how a value is shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

BOXES, EXPRESSIONS, PRESENCE, ANSWERS, COUNTS = (
    "boxes",
    "expressions",
    "is it there",
    "answers",
    "counts",
)


@dataclass(frozen=True)
class Metric:
    """What a key of scores.json means; a share is shown in percent, a plain one with three decimals."""

    name: str
    group: str
    is_share: bool = True
    less_is_better: bool = False


_F1_ENDINGS = {
    "50": " at IoU 0.50",
    "75": " at IoU 0.75",
    "95": " at IoU 0.95",
    "mean": ", IoU 0.50 to 0.95",
}

METRICS: dict[str, Metric] = {
    "AP": Metric("AP, IoU 0.50 to 0.95", BOXES),
    "AP50": Metric("AP at IoU 0.50", BOXES),
    "AP75": Metric("AP at IoU 0.75", BOXES),
    "AP_small": Metric("AP, small objects", BOXES),
    "AP_medium": Metric("AP, medium objects", BOXES),
    "AP_large": Metric("AP, large objects", BOXES),
    "AR": Metric("AR, IoU 0.50 to 0.95", BOXES),
    "AP_no_score": Metric("AP, every score 1.0", BOXES),
    "AP50_no_score": Metric("AP at IoU 0.50, every score 1.0", BOXES),
    "AP75_no_score": Metric("AP at IoU 0.75, every score 1.0", BOXES),
    **{
        f"{key}_{ending}": Metric(f"{name}{words}", BOXES)
        for ending, words in _F1_ENDINGS.items()
        for key, name in {"precision": "precision", "recall": "recall", "f1": "F1"}.items()
    },
    "mean_iou": Metric("mean IoU of matched pairs", BOXES, is_share=False),
    "ref_accuracy_50": Metric("accuracy at IoU 0.50", EXPRESSIONS),
    "ref_accuracy_75": Metric("accuracy at IoU 0.75", EXPRESSIONS),
    "ref_accuracy_90": Metric("accuracy at IoU 0.90", EXPRESSIONS),
    "ref_mean_iou": Metric("mean IoU, 0 where nothing was found", EXPRESSIONS, is_share=False),
    "ref_no_target_accuracy": Metric("expressions for nothing, rightly rejected", EXPRESSIONS),
    "ref_exact": Metric("answers that are exactly right", EXPRESSIONS),
    "false_positive_rate": Metric("boxes for what is not there", PRESENCE, less_is_better=True),
    "pope_accuracy": Metric("POPE accuracy", PRESENCE),
    "pope_precision": Metric("POPE precision", PRESENCE),
    "pope_recall": Metric("POPE recall", PRESENCE),
    "pope_f1": Metric("POPE F1", PRESENCE),
    "pope_yes_ratio": Metric("POPE share of yes", PRESENCE),
    "readable": Metric("readable answers", ANSWERS),
    "truncated": Metric("answers cut off", ANSWERS, less_is_better=True),
    "duplicates": Metric("repeated objects", ANSWERS, less_is_better=True),
    "unknown_labels": Metric("labels that are no category", ANSWERS, less_is_better=True),
    "out_of_range": Metric("boxes out of range", ANSWERS, less_is_better=True),
    "images": Metric("images", COUNTS),
    "images_in_data_set": Metric("images in the data set", COUNTS),
    "objects": Metric("true objects", COUNTS),
    "detections": Metric("predicted objects", COUNTS),
    "ref_expressions": Metric("expressions for one object", COUNTS),
    "ref_no_target": Metric("expressions for nothing", COUNTS),
    "pope_questions": Metric("questions about one category", COUNTS),
    "negatives": Metric("questions about what is not there", COUNTS),
}
"""Key -> meaning, in the order in which they are shown."""


def flat_metrics(scores: Mapping[str, Any]) -> dict[str, float | int]:
    """Return the single numbers of a scores.json; tables, and what is not defined, are left out."""
    return {key: value for key, value in scores.items() if isinstance(value, (int, float))}


def in_order(keys: Iterable[str]) -> list[str]:
    """Return keys, each once, in the order of METRICS; unknown ones at the end."""
    places = {key: place for place, key in enumerate(METRICS)}
    return sorted(dict.fromkeys(keys), key=lambda key: places.get(key, len(places)))


def show_value(metric: str, value: float | str | None) -> str:
    """Return a metric's value as text; "-" where it is not defined."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1%}" if _is_share(metric) else f"{value:.3f}"
    return str(value)


def show_interval(
    metric: str, bounds: tuple[float, float] | list[float] | None, *, sign: bool = False
) -> str:
    """Return an interval's bounds as text, "" where there is none; in percent where the metric is."""
    if bounds is None:
        return ""
    scale, digits = (100, 1) if _is_share(metric) else (1, 3)
    low, high = (f"{bound * scale:{'+' if sign else ''}.{digits}f}" for bound in bounds)
    return f"{low} to {high}"


def show_change(metric: str, change: float) -> str:
    """Return a difference of two values as text with its sign; shares differ by points of a hundred."""
    return f"{change * 100:+.1f}" if _is_share(metric) else f"{change:+.3f}"


def _is_share(metric: str) -> bool:
    return metric not in METRICS or METRICS[metric].is_share
