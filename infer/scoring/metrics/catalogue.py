"""All metrics: the list of their families, and what they measure together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infer.scoring.coco_evaluation import CocoScores
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.ceiling import CEILING
from infer.scoring.metrics.coco_ap import COCO_AP, MeasuredCoco
from infer.scoring.metrics.expressions import REFERRING
from infer.scoring.metrics.f1 import F1
from infer.scoring.metrics.metric import GROUPS, Drawn, Measured, Metric, MetricFamily, Value
from infer.scoring.metrics.presence import IS_IT_THERE
from infer.scoring.metrics.quality import ANSWER_QUALITY
from infer.scoring.metrics.sizes import DATA_SIZES
from infer.scoring.metrics.word_scores import DESCRIPTIONS, MeasuredWords, measure_descriptions
from infer.scoring.metrics.wrong_pictures import WRONG_PICTURES
from infer.scoring.resampling.ratios import FloatArray

FAMILIES: tuple[MetricFamily, ...] = (COCO_AP, F1, ANSWER_QUALITY, DATA_SIZES, REFERRING, IS_IT_THERE)
"""The families about boxes, in the order of scores.json."""


def _in_shown_order(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    def place(item: tuple[str, Metric]) -> tuple[int, bool]:
        return GROUPS.index(item[1].group), item[1].is_shown_last

    return dict(sorted(metrics.items(), key=place))  # sorting keeps the order of equals


METRICS_AS_SAVED = {key: metric for family in FAMILIES for key, metric in family.metrics.items()}
"""Key -> meaning of what boxes have, in the order of scores.json."""

WORD_METRICS = DESCRIPTIONS.metrics
"""Key -> meaning of what words about regions have; scores.json has them last, and only with such words."""

PICTURE_METRICS = WRONG_PICTURES.metrics
"""Key -> meaning of what questions with several pictures have; scores.json has it only with such ones."""

METRICS = _in_shown_order(METRICS_AS_SAVED)
"""Key -> meaning of what boxes have, in the order of reports: group by group."""

CANDIDATE_METRICS = CEILING.metrics
"""Key -> meaning of what questions with candidates have; scores.json has it only with such ones."""

ALL_METRICS = _in_shown_order({**METRICS_AS_SAVED, **PICTURE_METRICS, **CANDIDATE_METRICS, **WORD_METRICS})
"""Key -> meaning of boxes', pictures' and words' metrics, in the order of reports."""


@dataclass(frozen=True)
class Measurements:
    """All metrics of one evaluation: of boxes, where there are questions about them, and of words."""

    families: tuple[Measured, ...]
    words: MeasuredWords | None = None
    images: int = 0
    """How many answers about boxes there are: the first columns of weights are theirs."""

    @property
    def coco(self) -> CocoScores | None:
        """COCO's evaluation, which the scores by kind go on from; None without questions about boxes."""
        measured = (family.with_scores for family in self.families if isinstance(family, MeasuredCoco))
        return next(measured, None)

    @property
    def values(self) -> dict[str, Value]:
        """The value of every metric, in the order of reports; None where it is not defined.

        Metrics of words are left out where none was asked for, and so are those of several pictures and of
        candidates.
        """
        found = {key: value for family in self._all for key, value in family.values.items()}
        left_out = (PICTURE_METRICS.keys() | CANDIDATE_METRICS.keys()) - found.keys()
        left_out |= WORD_METRICS.keys() if self.words is None else set()
        return {key: found.get(key) for key in ALL_METRICS if key not in left_out}

    def resample(self, weights: FloatArray) -> Drawn:
        """Return the values of each draw of every metric that has an interval, in the order of reports.

        `weights`, shape (draws, answers), has a column for each answer about boxes, then for each region.
        """
        families = [family.resample(weights[:, : self.images]) for family in self.families]
        if self.words is not None:
            families.append(self.words.resample(weights[:, self.images :]))
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
        return Drawn({key: drawn[key] for key in ALL_METRICS if key in drawn}, rows)

    def per_category(self, names: Sequence[str]) -> dict[str, dict[str, Value]]:
        """Return the row of each of these categories, with the columns of all families; {} without boxes."""
        return {
            name: {
                column: value
                for family in self.families
                for column, value in family.per_category.get(name, {}).items()
            }
            for name in (names if self.families else ())
        }

    @property
    def _all(self) -> tuple[Measured, ...]:
        return self.families if self.words is None else (*self.families, self.words)


def measure(evaluation: Evaluation, *, with_meteor: bool = True) -> Measurements:
    """Measure all metrics of the questions that there are; METEOR can be left out."""
    count = len(evaluation.predictions)
    sometimes = [WRONG_PICTURES] if any(item.together for item in evaluation.predictions) else []
    sometimes += [CEILING] if any(item.candidates for item in evaluation.predictions) else []
    families = tuple(family.measure(evaluation) for family in (*FAMILIES, *sometimes)) if count else ()
    words = measure_descriptions(evaluation, with_meteor=with_meteor) if evaluation.descriptions else None
    return Measurements(families, words, count)
