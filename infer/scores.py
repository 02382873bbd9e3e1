"""Scores of a predictions file: boxes, expressions, presence and the answers' quality, in original pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infer.bootstrap import DRAWS, LEVEL, SEED, Interval, interval
from infer.evaluation import Evaluation, read_evaluation
from infer.metrics import METRICS
from infer.presence import false_positives_by_choice
from infer.quality import count_problems, count_unknown_labels

UNKNOWN_LABELS_KEPT = 50


@dataclass(frozen=True)
class Scores:
    """What scores.json holds.

    `metrics` are the single numbers (`infer.metrics` says what they mean); shares are 0..1, None where there
    is nothing that could be scored. `intervals` are bootstrap intervals of them, from `draws` draws.
    """

    metrics: dict[str, float | int | None]
    intervals: dict[str, Interval]
    per_category: dict[str, dict[str, float | int | None]]
    negatives_by_choice: dict[str, dict[str, float]]
    problems: dict[str, int]
    unknown_labels: dict[str, int]
    draws: int

    def as_json(self) -> dict[str, Any]:
        """Return the content of scores.json: the metrics as keys of their own, then the tables."""
        return {
            **self.metrics,
            "intervals": {key: list(bounds) for key, bounds in self.intervals.items()},
            "bootstrap": {"draws": self.draws, "seed": SEED, "percent": LEVEL},
            "per_category": self.per_category,
            "negatives_by_choice": self.negatives_by_choice,
            "problems": self.problems,
            "most_frequent_unknown_labels": self.unknown_labels,
        }


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
    return Scores(
        evaluation.metrics(),
        {key: intervals[key] for key in METRICS if key in intervals},
        evaluation.per_category(),
        false_positives_by_choice(*arguments),
        count_problems(evaluation.predictions),
        dict(list(unknown.items())[:UNKNOWN_LABELS_KEPT]),
        draws,
    )
