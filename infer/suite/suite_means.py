"""Means over the sets of a suite, as published: each set counts the same, however many images it has."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from infer.scoring.metrics.metric import Value
from infer.scoring.resampling.bootstrap import Interval, interval
from infer.suite.member_scores import MemberScores

SET, GROUP, MEAN, DOMAIN, DIFFERENCE = "set", "group", "mean", "domain", "difference"
"""What a row is about: a set, the mean of a group or of all sets or of a domain, the domains' difference."""


@dataclass(frozen=True)
class SuiteRow:
    """A row of the table; `intervals` of a difference are those of the difference.

    `asked` counts the images or questions of a set, `folder` has its answers; None for rows of several sets.
    """

    kind: str
    name: str
    way: str
    values: Mapping[str, Value]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    sets: int = 1
    asked: int | None = None
    folder: str | None = None


def mean_row(
    kind: str, name: str, way: str, scored: Sequence[MemberScores], metrics: Sequence[str]
) -> SuiteRow:
    """Return the means of the metrics over sets; None where one of the sets does not define it.

    The interval holds 95 percent of the means of the sets' draws.
    """
    values: dict[str, Value] = {}
    intervals: dict[str, Interval] = {}
    for key in metrics:
        found = [one.values.get(key) for one in scored]
        numbers = [float(value) for value in found if value is not None]
        values[key] = math.fsum(numbers) / len(numbers) if len(numbers) == len(found) else None
        drawn = [one.drawn[key] for one in scored if key in one.drawn]
        if values[key] is not None and len(drawn) == len(scored):
            bounds = interval(np.mean(drawn, axis=0))
            if bounds is not None:
                intervals[key] = bounds
    return SuiteRow(kind, name, way, values, intervals, len(scored))


def difference_row(
    name: str, way: str, first: Sequence[MemberScores], second: Sequence[MemberScores], metrics: Sequence[str]
) -> SuiteRow:
    """Return the mean over the second sets minus the mean over the first."""
    before, after = (mean_row(DOMAIN, "", way, scored, metrics) for scored in (first, second))
    values: dict[str, Value] = {}
    intervals: dict[str, Interval] = {}
    for key in metrics:
        low, high = before.values[key], after.values[key]
        values[key] = None if low is None or high is None else high - low
        if key in before.intervals and key in after.intervals:
            means = [np.mean([one.drawn[key] for one in scored], axis=0) for scored in (first, second)]
            bounds = interval(means[1] - means[0])
            if values[key] is not None and bounds is not None:
                intervals[key] = bounds
    return SuiteRow(DIFFERENCE, name, way, values, intervals, len(first) + len(second))
