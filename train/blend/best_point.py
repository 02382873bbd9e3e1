"""The scores of the points, and which of them is best by the stated rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grounding.errors import UserError
from train.blend.blend_settings import BlendSettings


@dataclass(frozen=True)
class PointScores:
    """What a point scores on each data set of the new and of the old tasks, 0..1."""

    share: float
    new: Mapping[str, float]
    old: Mapping[str, float]

    @property
    def mean_new(self) -> float:
        """The mean over the new task's sets, in which each counts the same."""
        return sum(self.new.values()) / len(self.new)

    @property
    def mean_old(self) -> float:
        """The mean over the old tasks' sets."""
        return sum(self.old.values()) / len(self.old)


@dataclass(frozen=True)
class BlendChoice:
    """The best point, and the rule in words."""

    best: PointScores
    rule: str


def choose_point(points: Sequence[PointScores], settings: BlendSettings) -> BlendChoice:
    """Return the point with the highest new score of those that keep enough of the base's old score.

    Of equal ones, the one with the higher old score, then with the smaller share, is best. The base itself
    always keeps all, so that there is always a best point; it is no improvement where it is the base.
    """
    base = next(point for point in points if point.share == 0)
    least = settings.least_old * base.mean_old
    rule = (
        f"the highest new {settings.metric} of the points that keep {settings.least_old:.0%} of the old one "
        f"({least:.4f} of {base.mean_old:.4f})"
    )
    if not base.mean_old:
        rule += ": BASE does not do the old task at all, and there is nothing to keep"
    kept = [point for point in points if point.mean_old >= least - 1e-12]
    best = max(kept, key=lambda point: (point.mean_new, point.mean_old, -point.share))
    return BlendChoice(best, rule)


def share_of(value: float, whole: float) -> str:
    """Return a score as a share of another, "-" where that is 0."""
    return f"{value / whole:.1%}" if whole else "-"


def check_scores(share: float, values: Mapping[str, float | None], metric: str) -> dict[str, float]:
    """Return the scores of a point, all of which have to be there.

    Raises:
        UserError: a set does not define the metric.
    """
    for name, value in values.items():
        if value is None:
            raise UserError(f"{name}: alpha={share:g} has no {metric} on it: set another metric")
    return {name: float(value) for name, value in values.items() if value is not None}
