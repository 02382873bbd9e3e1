"""All metrics: the list of their families, and what they measure together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infer.scoring.coco_evaluation import CocoScores
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.coco_ap import COCO_AP, MeasuredCoco
from infer.scoring.metrics.expressions import REFERRING
from infer.scoring.metrics.f1 import F1
from infer.scoring.metrics.metric import GROUPS, Drawn, Measured, Metric, MetricFamily, Value
from infer.scoring.metrics.presence import IS_IT_THERE
from infer.scoring.metrics.quality import ANSWER_QUALITY
from infer.scoring.metrics.sizes import DATA_SIZES
from infer.scoring.resampling.ratios import FloatArray

FAMILIES: tuple[MetricFamily, ...] = (COCO_AP, F1, ANSWER_QUALITY, DATA_SIZES, REFERRING, IS_IT_THERE)
"""In the order of scores.json."""


def _in_shown_order(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    def place(item: tuple[str, Metric]) -> tuple[int, bool]:
        return GROUPS.index(item[1].group), item[1].is_shown_last

    return dict(sorted(metrics.items(), key=place))  # sorting keeps the order of equals


METRICS_AS_SAVED = {key: metric for family in FAMILIES for key, metric in family.metrics.items()}
"""Key -> meaning, in the order of scores.json."""

METRICS = _in_shown_order(METRICS_AS_SAVED)
"""Key -> meaning, in the order of reports: group by group."""


@dataclass(frozen=True)
class Measurements:
    """All metrics of one evaluation."""

    families: tuple[Measured, ...]

    @property
    def coco(self) -> CocoScores:
        """COCO's evaluation, which the scores by kind go on from."""
        return next(family.with_scores for family in self.families if isinstance(family, MeasuredCoco))

    @property
    def values(self) -> dict[str, Value]:
        """The value of every metric, in the order of METRICS; None where it is not defined."""
        found = {key: value for family in self.families for key, value in family.values.items()}
        return {key: found.get(key) for key in METRICS}

    def resample(self, weights: FloatArray) -> Drawn:
        """Return the values of each draw of every metric that has an interval, in the order of METRICS."""
        families = [family.resample(weights) for family in self.families]
        drawn = {key: values for family in families for key, values in family.values.items()}
        names = dict.fromkeys(name for family in families for name in family.per_category)
        rows = {
            name: {
                column: values
                for family in families
                for column, values in family.per_category.get(name, {}).items()
            }
            for name in names
        }
        return Drawn({key: drawn[key] for key in METRICS if key in drawn}, rows)

    def per_category(self, names: Sequence[str]) -> dict[str, dict[str, Value]]:
        """Return the row of each of these categories, with the columns of all families."""
        return {
            name: {
                column: value
                for family in self.families
                for column, value in family.per_category.get(name, {}).items()
            }
            for name in names
        }


def measure(evaluation: Evaluation) -> Measurements:
    """Measure all metrics."""
    return Measurements(tuple(family.measure(evaluation) for family in FAMILIES))
