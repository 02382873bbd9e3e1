"""What changed from a base to the model that was tuned from it, set by set, with paired intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from infer.scoring.changes import common_evaluations
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.catalogue import measure
from infer.scoring.resampling.bootstrap import DRAWS, Interval, interval
from infer.scoring.resampling.ratios import FloatArray
from infer.suite.member_scores import seed_of


@dataclass(frozen=True)
class SetChange:
    """A set's score before and after; `role` says whether it is new, old or neither ("").

    The interval is that of the difference on resampled images, the same for both; None where the answers
    cannot be compared one by one. `drawn` has the differences, shape (draws,), for means over sets.
    """

    name: str
    role: str
    way: str
    score: str
    before: float
    after: float
    interval: Interval | None = None
    drawn: FloatArray | None = field(default=None, compare=False, repr=False)
    sets: int = 1

    @property
    def change(self) -> float:
        """The score after less the one before."""
        return self.after - self.before


def score_changes(
    name: str, first: Path, last: Path, scores: Sequence[str], draws: int = DRAWS
) -> list[SetChange]:
    """Return the change of each of the scores of a set that both runs define, without role and way.

    Raises:
        NotComparableError: the runs cannot be compared image by image.
        UserError: predictions or annotations that cannot be read.
    """
    old, new, _ = common_evaluations(first, last)
    # Sets about different pictures are drawn apart, so that means over sets have no common chance.
    weights = old.draw(draws, seed_of(_pictures(name, old)))
    measured = [measure(run, with_meteor="meteor" in scores) for run in (old, new)]
    values = [run.values for run in measured]
    drawn = [run.resample(weights).values for run in measured]
    changes = []
    for key in scores:
        before, after = (_number(run, key) for run in values)
        if before is None or after is None:
            continue
        found = drawn[1][key] - drawn[0][key] if all(key in run for run in drawn) else None
        bounds = None if found is None else interval(found)
        changes.append(SetChange(name, "", "", key, before, after, bounds, found))
    return changes


def mean_change(changes: Sequence[SetChange], name: str) -> SetChange:
    """Return the mean over sets of one score, in which each set counts the same."""
    first, count = changes[0], len(changes)
    before = sum(one.before for one in changes) / count
    after = sum(one.after for one in changes) / count
    drawn = [one.drawn for one in changes if one.drawn is not None]
    every = np.mean(drawn, axis=0) if len(drawn) == count and len({len(one) for one in drawn}) == 1 else None
    bounds = None if every is None else interval(every)
    return SetChange(name, first.role, first.way, first.score, before, after, bounds, every, count)


def _number(values: Mapping[str, object], key: str) -> float | None:
    value = values.get(key)
    return float(value) if isinstance(value, int | float) else None


def _pictures(name: str, evaluation: Evaluation) -> list[object]:
    """Return what tells the pictures of a set from those of others."""
    described = [item.picture for item in evaluation.descriptions]
    return [
        f"{name}\t{file}"
        for file in (*(image["file_name"] for image in evaluation.annotations["images"]), *described)
    ]
