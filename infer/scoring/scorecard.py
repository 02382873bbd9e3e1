"""Scores of a predictions file: boxes, expressions, presence and the answers' quality, in original pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infer.scoring.evaluation import Evaluation, read_evaluation
from infer.scoring.metric_names import METRICS
from infer.scoring.metrics.bootstrap import DRAWS, LEVEL, SEED, Interval, interval
from infer.scoring.metrics.presence import false_positives_by_choice
from infer.scoring.metrics.quality import count_problems, count_unknown_labels

UNKNOWN_LABELS_KEPT = 50


@dataclass(frozen=True)
class Scores:
    """What scores.json holds; `infer.scoring.metric_names.METRICS` says what the single numbers mean.

    Shares are 0..1; None where there is nothing to score: no such object, no question of the kind, or for
    `..._no_score` no scores to leave out. `intervals` are bootstrap intervals, of what is a mean over images.
    """

    AP: float | None
    AP50: float | None
    AP75: float | None
    AP_small: float | None
    AP_medium: float | None
    AP_large: float | None
    AR: float | None
    precision_50: float
    recall_50: float
    f1_50: float
    precision_75: float
    recall_75: float
    f1_75: float
    precision_95: float
    recall_95: float
    f1_95: float
    precision_mean: float
    recall_mean: float
    f1_mean: float
    mean_iou: float
    readable: float
    truncated: float
    duplicates: float
    unknown_labels: float
    out_of_range: float
    images: int
    images_in_data_set: int
    objects: int
    detections: int
    intervals: dict[str, Interval]
    bootstrap: dict[str, int]
    per_category: dict[str, dict[str, float | int | None]]
    negatives_by_choice: dict[str, dict[str, float]]
    problems: dict[str, int]
    most_frequent_unknown_labels: dict[str, int]
    AP_no_score: float | None = None
    AP50_no_score: float | None = None
    AP75_no_score: float | None = None
    ref_accuracy_50: float | None = None
    ref_accuracy_75: float | None = None
    ref_accuracy_90: float | None = None
    ref_mean_iou: float | None = None
    ref_no_target_accuracy: float | None = None
    ref_exact: float | None = None
    ref_expressions: int | None = None
    ref_no_target: int | None = None
    false_positive_rate: float | None = None
    negatives: int | None = None
    pope_accuracy: float | None = None
    pope_precision: float | None = None
    pope_recall: float | None = None
    pope_f1: float | None = None
    pope_yes_ratio: float | None = None
    pope_questions: int | None = None

    @property
    def metrics(self) -> dict[str, float | int]:
        """The single numbers that are defined, in the order of METRICS."""
        values = {key: getattr(self, key) for key in METRICS}
        return {key: value for key, value in values.items() if value is not None}


def score_predictions(predictions_path: Path, dataset: Path | None = None, draws: int = DRAWS) -> Scores:
    """Score a predictions file against a data set's annotations_val.json.

    Without `dataset` the infer.yaml beside the predictions tells it.

    Raises:
        UserError: what `read_evaluation` refuses.
    """
    return score(read_evaluation(predictions_path, dataset), draws)


def score(evaluation: Evaluation, draws: int = DRAWS) -> Scores:
    """Return all scores, with intervals from so many draws of the images (0: none)."""
    intervals: dict[str, Interval] = {}
    if draws:
        for key, values in evaluation.resample(evaluation.draw(draws)).items():
            if (bounds := interval(values)) is not None:
                intervals[key] = bounds
    arguments = evaluation.predictions, evaluation.annotations, evaluation.categories
    unknown = count_unknown_labels(evaluation.predictions, evaluation.categories, evaluation.expressions)
    metrics: dict[str, Any] = {**evaluation.metrics()}
    return Scores(
        **metrics,
        intervals={key: intervals[key] for key in METRICS if key in intervals},
        bootstrap={"draws": draws, "seed": SEED, "percent": LEVEL},
        per_category=evaluation.per_category(),
        negatives_by_choice=false_positives_by_choice(*arguments),
        problems=count_problems(evaluation.predictions),
        most_frequent_unknown_labels=dict(list(unknown.items())[:UNKNOWN_LABELS_KEPT]),
    )
