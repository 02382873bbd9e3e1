"""What a metric is: the meaning of its key, its value, and its values on resampled images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from infer.scoring.evaluation import Evaluation
from infer.scoring.resampling.ratios import FloatArray, PartialRatio, Ratio

BOXES, EXPRESSIONS, PRESENCE, ANSWERS, COUNTS = "boxes", "expressions", "is it there", "answers", "counts"
WORDS = "words"

GROUPS = (BOXES, EXPRESSIONS, PRESENCE, WORDS, ANSWERS, COUNTS)
"""Reports show the metrics in these groups, in this order."""

Value = float | int | None
"""A share is 0..1; None where the data set does not define the metric."""


@dataclass(frozen=True)
class Metric:
    """The meaning of a key of scores.json.

    A share is shown in percent, any other number with three decimals. An optional metric needs questions of
    its own kind, or scores: scores.json has it after the tables. `is_shown_last` puts it at its group's end.
    """

    name: str
    group: str
    is_share: bool = True
    less_is_better: bool = False
    is_optional: bool = False
    is_shown_last: bool = False


@dataclass(frozen=True)
class Drawn:
    """Metrics on resampled images: the value of each draw, shape (draws,), by key, NaN where not defined.

    `per_category` has the same by category and column, for categories and columns that have intervals.
    """

    values: Mapping[str, FloatArray]
    per_category: Mapping[str, Mapping[str, FloatArray]] = field(default_factory=dict)


class Measured(Protocol):
    """The metrics of one family, measured on one evaluation."""

    @property
    def values(self) -> Mapping[str, Value]:
        """The value of each key; keys that the data set does not define may be missing."""

    @property
    def per_category(self) -> Mapping[str, Mapping[str, Value]]:
        """Category -> column -> value; empty where the family has no such table."""

    def resample(self, weights: FloatArray) -> Drawn:
        """Return the values of each draw of every key that has an interval.

        `weights` (draws, images) tells how often each draw holds each image; of words, each region.
        """


@dataclass(frozen=True)
class MetricFamily:
    """Metrics that are measured together; `metrics` is in the order of scores.json."""

    metrics: Mapping[str, Metric]
    measure: Callable[[Evaluation], Measured]


@dataclass(frozen=True)
class MeasuredRatios:
    """Metrics that are ratios of sums over the images, and counts, which have no interval."""

    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    per_category: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    category_ratios: Mapping[str, Mapping[str, PartialRatio]] = field(default_factory=dict)

    @property
    def values(self) -> Mapping[str, Value]:
        """The value of each ratio and each count."""
        return {**{key: ratio.value for key, ratio in self.ratios.items()}, **self.counts}

    def resample(self, weights: FloatArray) -> Drawn:
        """Return the value of each ratio in each draw."""
        return Drawn(
            {key: ratio.resample(weights) for key, ratio in self.ratios.items()},
            {
                name: {column: ratio.resample(weights) for column, ratio in row.items()}
                for name, row in self.category_ratios.items()
            },
        )


def count_questions(ratios: Mapping[str, Ratio], keys: Mapping[str, str]) -> dict[str, int]:
    """Return how many questions a ratio is about: `keys` maps the ratio's key to the count's key."""
    return {count: int(ratios[key].wholes.sum()) for key, count in keys.items() if key in ratios}
