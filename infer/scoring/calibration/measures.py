"""Calibration error and AUROC of the scores of boxes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The boxes with a score in (low, high]: number, mean score, and share of right boxes."""

    low: float
    high: float
    boxes: int
    mean_score: float | None
    precision: float | None


@dataclass(frozen=True)
class Reliability:
    """The contents of reliability.json; a box is right if it matches an object at IoU 0.5.

    `calibration_error` is the expected calibration error: the distance of mean score and precision, averaged
    over the bins by their number of boxes (Guo et al., On Calibration of Modern Neural Networks, ICML 2017).
    `auroc` is the chance that a right box has a higher score than a wrong one, ties counting half; None if
    all boxes are right or all are wrong.
    """

    boxes: int
    boxes_without_score: int
    precision: float
    mean_score: float
    calibration_error: float
    auroc: float | None
    bins: tuple[Bin, ...]


def measure_reliability(scored: Sequence[tuple[float, bool]], without_score: int = 0) -> Reliability:
    """Compare scores with correctness; `scored` has (score, is right) for each box."""
    members: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for score, is_right in scored:
        members[_bin_of(score)].append((score, is_right))
    bins = tuple(
        Bin(
            number / BINS,
            (number + 1) / BINS,
            len(group),
            _mean(score for score, _ in group),
            _mean(is_right for _, is_right in group),
        )
        for number, group in enumerate(members)
    )
    gaps = (
        abs(item.mean_score - item.precision) * item.boxes
        for item in bins
        if item.mean_score is not None and item.precision is not None
    )
    return Reliability(
        boxes=len(scored),
        boxes_without_score=without_score,
        precision=_mean(is_right for _, is_right in scored) or 0.0,
        mean_score=_mean(score for score, _ in scored) or 0.0,
        calibration_error=sum(gaps) / len(scored) if scored else 0.0,
        auroc=_auroc(scored),
        bins=bins,
    )


def _bin_of(score: float) -> int:
    """Return the number of a score's bin, whose upper edge belongs to it."""
    # The tolerance keeps scores such as 0.3 in their bin although the float product is slightly above 3.
    upper_edge = -int(-(score * BINS - 1e-9) // 1)
    return min(BINS - 1, max(0, upper_edge - 1))


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None


def _auroc(scored: Sequence[tuple[float, bool]]) -> float | None:
    """Return the area under the ROC curve, computed from ranks (Mann and Whitney); ties count half."""
    right = sum(is_right for _, is_right in scored)
    wrong = len(scored) - right
    if not (right and wrong):
        return None
    counts: dict[float, list[int]] = {}
    for score, is_right in scored:
        counts.setdefault(score, [0, 0])[is_right] += 1
    below, wins = 0, 0.0
    for score in sorted(counts):
        wrong_here, right_here = counts[score]
        wins += right_here * (below + wrong_here / 2)
        below += wrong_here
    return wins / (right * wrong)
