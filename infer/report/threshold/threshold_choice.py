"""Chooses the confidence from which boxes count, for a wanted recall or for costs, and tells the errors.

All is about pictures: a bad one has a defect that fails, by the annotations and the rules. It is missed if it
passes; a good picture that fails is a false alarm.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grounding.errors import UserError
from infer.report.proportion import Proportion

FOLDS, SEED = 10, 0
NEVER, ALWAYS = -1.0, math.inf
"""The scores of a picture without a box that could make it fail, and of one that cannot be read."""

TINY = 1e-9


@dataclass(frozen=True)
class ScoredPicture:
    """A validation picture: the confidence up to which it fails, and whether it is bad."""

    score: float
    is_bad: bool


@dataclass(frozen=True)
class PictureErrors:
    """How many of the bad pictures are missed, and how many of the good ones are false alarms."""

    missed: Proportion
    false_alarms: Proportion


Choose = Callable[[Sequence[ScoredPicture]], float]
"""Returns the threshold for some pictures."""


def count_errors(pictures: Sequence[ScoredPicture], threshold: float) -> PictureErrors:
    """Return the errors at a threshold: a picture fails if its score reaches it."""
    bad = [item for item in pictures if item.is_bad]
    good = [item for item in pictures if not item.is_bad]
    return PictureErrors(
        Proportion(sum(item.score < threshold for item in bad), len(bad)),
        Proportion(sum(item.score >= threshold for item in good), len(good)),
    )


def threshold_for_recall(
    pictures: Sequence[ScoredPicture], recall: float, *, is_strict: bool = True
) -> float:
    """Return the highest threshold at which new bad pictures are found with this expected recall.

    Of n bad pictures, m may be missed with (m + 1) / (n + 1) <= 1 - recall. Then the expected share of missed
    pictures is at most 1 - recall for a new picture of the same kind, whatever the scores are.
    Source: Angelopoulos et al., Conformal Risk Control, ICLR 2024.
    With `is_strict=False`, the most cautious threshold stands in for one that there is not.

    Raises:
        UserError: there are too few bad pictures to promise this, or too many without a box.
    """
    bad = sorted(item.score for item in pictures if item.is_bad)
    may_miss = math.floor((1 - recall) * (len(bad) + 1) + TINY) - 1
    if may_miss < 0 and is_strict:
        needed = math.ceil(1 / (1 - recall) - TINY) - 1
        raise UserError(
            f"recall={recall:g} needs at least {needed} bad pictures in the validation set, and there are "
            f"{len(bad)}: annotate more, or set a lower recall"
        )
    chosen = bad[max(0, may_miss)] if bad else NEVER
    if chosen == NEVER:
        found = sum(score != NEVER for score in bad)
        if is_strict:
            raise UserError(
                f"recall={recall:g} cannot be reached: {found} of {len(bad)} bad pictures have a box that "
                "could make them fail: ask with recall=high in the infer recipe, train more, or set a "
                "lower recall"
            )
        chosen = 0.0
    return max(0.0, chosen) if chosen != ALWAYS else _above_all(pictures)


def threshold_for_cost(pictures: Sequence[ScoredPicture], missed: float, false_alarm: float) -> float:
    """Return the threshold with the least cost on these pictures; of equal ones, the lowest.

    `missed` and `false_alarm` are the costs of one such error, in any unit.
    """
    finite = sorted({max(0.0, item.score) for item in pictures if math.isfinite(item.score)} | {0.0})
    candidates = [*finite, _above_all(pictures)]

    def cost(threshold: float) -> float:
        errors = count_errors(pictures, threshold)
        return missed * errors.missed.count + false_alarm * errors.false_alarms.count

    return min(candidates, key=lambda threshold: (cost(threshold), threshold))


def held_out_errors(pictures: Sequence[ScoredPicture], choose: Choose) -> PictureErrors:
    """Return the errors on pictures that the threshold was not chosen on.

    Each of FOLDS parts is judged by the threshold that is chosen on the others. Bad and good pictures are
    dealt evenly, after shuffling with a fixed seed.
    """
    shuffled = list(pictures)
    random.Random(SEED).shuffle(shuffled)
    dealt = sorted(shuffled, key=lambda item: item.is_bad)
    parts = [dealt[number::FOLDS] for number in range(min(FOLDS, len(dealt)))]
    errors = []
    for number, part in enumerate(parts):
        others = [item for place, other in enumerate(parts) if place != number for item in other]
        errors.append(count_errors(part, choose(others)))
    return PictureErrors(_sum([item.missed for item in errors]), _sum([item.false_alarms for item in errors]))


def _sum(shares: Sequence[Proportion]) -> Proportion:
    return Proportion(sum(item.count for item in shares), sum(item.total for item in shares))


def _above_all(pictures: Sequence[ScoredPicture]) -> float:
    """Return a threshold that no box reaches."""
    return math.nextafter(max((i.score for i in pictures if math.isfinite(i.score)), default=1.0), math.inf)
