"""All scores of a predictions file: what scores.json holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infer.scoring.advice.cut_detections import count_cut
from infer.scoring.evaluation import Evaluation
from infer.scoring.inputs import read_evaluation
from infer.scoring.metrics.catalogue import METRICS, METRICS_AS_SAVED, measure
from infer.scoring.metrics.metric import Value
from infer.scoring.metrics.presence import false_positives_by_choice
from infer.scoring.metrics.quality import count_problems, count_unknown_labels
from infer.scoring.resampling.bootstrap import DRAWS, LEVEL, SEED, Interval, interval

UNKNOWN_LABELS_KEPT = 50

LIMITS_KEY = "limits"
"""The key of scores.json that holds `max_detections`, and what it cut."""


@dataclass(frozen=True)
class Scores:
    """The scores of a predictions file.

    `values` has a number for each key of `infer.scoring.metrics.catalogue.METRICS`; None, or no entry, means
    that the data set does not define the metric: no such object or question, or no scores. `intervals` are
    bootstrap intervals of the metrics that are means over the images. `limits` has `max_detections`, and how
    many images it cut.
    """

    values: Mapping[str, Value]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    bootstrap: Mapping[str, int] = field(default_factory=dict)
    per_category: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    negatives_by_choice: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)
    most_frequent_unknown_labels: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float | int]:
        """The defined metrics, in the order of reports."""
        return {key: value for key in METRICS if (value := self.values.get(key)) is not None}

    def as_json(self) -> dict[str, Any]:
        """Return the contents of scores.json: metrics of every data set, tables, then optional metrics."""
        always, optional = (
            {
                key: self.values.get(key)
                for key, metric in METRICS_AS_SAVED.items()
                if metric.is_optional == is_optional
            }
            for is_optional in (False, True)
        )
        tables = {
            "intervals": self.intervals,
            "bootstrap": self.bootstrap,
            "per_category": self.per_category,
            "negatives_by_choice": self.negatives_by_choice,
            "problems": self.problems,
            "most_frequent_unknown_labels": self.most_frequent_unknown_labels,
            LIMITS_KEY: self.limits,
        }
        return {**always, **tables, **optional}


def score_predictions(predictions_path: Path, dataset: Path | None = None, draws: int = DRAWS) -> Scores:
    """Score a predictions file against a data set's annotations_val.json.

    Without `dataset`, the data set is the one that infer.yaml names.

    Raises:
        UserError: see `read_evaluation`.
    """
    return score(read_evaluation(predictions_path, dataset), draws)


def score(evaluation: Evaluation, draws: int = DRAWS) -> Scores:
    """Return all scores, with intervals from this many bootstrap draws of the images (0: no intervals)."""
    measured = measure(evaluation)
    drawn = measured.resample(evaluation.draw(draws)) if draws else {}
    intervals = {key: bounds for key, values in drawn.items() if (bounds := interval(values)) is not None}
    predictions, categories = evaluation.predictions, evaluation.categories
    unknown = count_unknown_labels(predictions, categories, evaluation.expressions)
    return Scores(
        values=measured.values,
        intervals=intervals,
        bootstrap={"draws": draws, "seed": SEED, "percent": LEVEL},
        per_category=measured.per_category(list(evaluation.category_ids)),
        negatives_by_choice=false_positives_by_choice(predictions, evaluation.annotations, categories),
        problems=count_problems(predictions),
        most_frequent_unknown_labels=dict(list(unknown.items())[:UNKNOWN_LABELS_KEPT]),
        limits=count_cut(evaluation),
    )
