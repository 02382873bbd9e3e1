"""All scores of a predictions file: what scores.json holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from infer.scoring.advice.cut_detections import count_cut
from infer.scoring.evaluation import Evaluation
from infer.scoring.inputs import read_evaluation
from infer.scoring.kinds.kind_scores import KindTable, score_kinds
from infer.scoring.kinds.training_images import count_training_images
from infer.scoring.metrics.catalogue import (
    ALL_METRICS,
    CANDIDATE_METRICS,
    METRICS_AS_SAVED,
    PICTURE_METRICS,
    WORD_METRICS,
    Measurements,
    measure,
)
from infer.scoring.metrics.metric import Drawn, Value
from infer.scoring.metrics.presence import false_positives_by_choice
from infer.scoring.metrics.quality import count_problems, count_unknown_labels
from infer.scoring.resampling.bootstrap import DRAWS, LEVEL, SEED, Interval, interval
from infer.scoring.resampling.ratios import FloatArray

UNKNOWN_LABELS_KEPT = 50

LIMITS_KEY = "limits"
"""The key of scores.json that holds `max_detections`, and what it cut."""

KINDS_KEY = "by_kind"
"""The key of scores.json that holds the scores by kind of picture."""


@dataclass(frozen=True)
class Scores:
    """The scores of a predictions file.

    `values` has a number for keys of `infer.scoring.metrics.catalogue.ALL_METRICS`; None, or no entry, means
    that the data set does not define the metric: no such object or question, or no scores. `intervals` are
    bootstrap intervals of the metrics that are means over the images. `limits` has `max_detections`, and how
    many images it cut. `by_kind` has a row for each band of each kind of pictures. `notes` say
    what is missing. `drawn` has the values of each draw that the intervals come from, shape (draws,).
    """

    values: Mapping[str, Value]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    bootstrap: Mapping[str, int] = field(default_factory=dict)
    per_category: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    negatives_by_choice: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)
    most_frequent_unknown_labels: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    category_intervals: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    by_kind: KindTable = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    drawn: Mapping[str, FloatArray] = field(default_factory=dict, compare=False, repr=False)

    @property
    def metrics(self) -> dict[str, float | int]:
        """The defined metrics, in the order of reports."""
        return {key: value for key in ALL_METRICS if (value := self.values.get(key)) is not None}

    def as_json(self) -> dict[str, Any]:
        """Return the contents of scores.json: metrics of every data set, tables, then optional metrics.

        Metrics of several pictures, candidates and words come last, and only where there are such questions.
        """
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
            "category_intervals": self.category_intervals,
            KINDS_KEY: self.by_kind,
        }
        sometimes = (*PICTURE_METRICS, *CANDIDATE_METRICS, *WORD_METRICS)
        others = {key: self.values[key] for key in sometimes if key in self.values}
        return {**always, **tables, **optional, **others}


def score_predictions(predictions_path: Path, dataset: Path | None = None, draws: int = DRAWS) -> Scores:
    """Score a predictions file against a data set's annotations_val.json.

    Without `dataset`, the data set is the one that infer.yaml names.

    Raises:
        UserError: see `read_evaluation`.
    """
    return score(read_evaluation(predictions_path, dataset), draws)


def score(
    evaluation: Evaluation,
    draws: int = DRAWS,
    *,
    with_kind_intervals: bool = False,
    with_meteor: bool = True,
) -> Scores:
    """Return all scores, with intervals from this many bootstrap draws of the images (0: no intervals).

    The AP of each kind of picture has intervals only `with_kind_intervals`: they take several times as long
    as everything else. METEOR is left out without `with_meteor`.
    """
    measured = measure(evaluation, with_meteor=with_meteor)
    weights = evaluation.draw(draws) if draws else None
    drawn = Drawn({}) if weights is None else measured.resample(weights)
    trained, notes = _training_images(evaluation)
    predictions, categories = evaluation.predictions, evaluation.categories
    unknown = count_unknown_labels(predictions, categories, evaluation.expressions)
    notes += evaluation.notes_on_draws if draws else ()
    return Scores(
        values=measured.values,
        intervals=_intervals(drawn.values),
        bootstrap={"draws": draws, "seed": SEED, "percent": LEVEL},
        per_category=measured.per_category(list(evaluation.category_ids)),
        negatives_by_choice=false_positives_by_choice(predictions, evaluation.annotations, categories),
        problems=count_problems(predictions),
        most_frequent_unknown_labels=dict(list(unknown.items())[:UNKNOWN_LABELS_KEPT]),
        limits=count_cut(evaluation) if predictions else {},
        category_intervals={name: _intervals(row) for name, row in drawn.per_category.items()},
        by_kind=_by_kind(evaluation, measured, weights, trained, with_ap_intervals=with_kind_intervals),
        notes=(*notes, *(() if measured.words is None else measured.words.notes)),
        drawn=drawn.values,
    )


def _by_kind(
    evaluation: Evaluation,
    measured: Measurements,
    weights: FloatArray | None,
    trained: Mapping[str, int] | None,
    *,
    with_ap_intervals: bool,
) -> KindTable:
    """Return the scores by kind of picture; {} without questions about boxes."""
    if measured.coco is None:
        return {}
    of_boxes = None if weights is None else weights[:, : len(evaluation.predictions)]
    return score_kinds(evaluation, measured.coco, of_boxes, trained, with_ap_intervals=with_ap_intervals)


def _intervals(drawn: Mapping[str, FloatArray]) -> dict[str, Interval]:
    return {key: bounds for key, values in drawn.items() if (bounds := interval(values)) is not None}


def _training_images(evaluation: Evaluation) -> tuple[dict[str, int] | None, tuple[str, ...]]:
    """Return the training images of each category, None where none is counted, and notes."""
    if evaluation.dataset is None or not evaluation.predictions:
        return None, ()
    try:
        counts = count_training_images(evaluation.dataset) or {}
    except UserError as error:
        return None, (f"no scores by category frequency: {error}",)
    known = {name: counts[name] for name in evaluation.category_ids if name in counts}
    return known or None, ()  # without a category, all answers name expressions
