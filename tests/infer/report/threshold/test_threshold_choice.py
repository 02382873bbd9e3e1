import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.errors import UserError
from infer.report.threshold.threshold_choice import (
    ALWAYS,
    NEVER,
    ScoredPicture,
    count_errors,
    held_out_errors,
    threshold_for_cost,
    threshold_for_recall,
)

scores = st.sampled_from([NEVER, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, ALWAYS])
some_pictures = st.lists(st.builds(ScoredPicture, scores, st.booleans()), min_size=1, max_size=30)


def pictures(seed: int, bad: int, good: int) -> list[ScoredPicture]:
    chance = random.Random(seed)
    return [ScoredPicture(chance.betavariate(4, 2), True) for _ in range(bad)] + [
        ScoredPicture(chance.betavariate(2, 4), False) for _ in range(good)
    ]


def test_errors_are_counted_by_picture() -> None:
    listed = [
        ScoredPicture(0.5, True),
        ScoredPicture(NEVER, True),
        ScoredPicture(0.5, False),
        ScoredPicture(0.4, False),
    ]
    errors = count_errors(listed, 0.5)
    assert (errors.missed.count, errors.missed.total) == (1, 2)
    assert (errors.false_alarms.count, errors.false_alarms.total) == (1, 2)


def test_new_pictures_are_found_with_the_wanted_recall() -> None:
    """Over many validation sets, the mean recall on new pictures is the wanted one.

    The scores are even from 0 to 1, so that the recall on new pictures is 1 - threshold.
    """
    found = []
    for seed in range(1000):
        chance = random.Random(seed)
        known = [ScoredPicture(chance.random(), True) for _ in range(39)]
        found.append(1 - threshold_for_recall(known, 0.9))
    assert sum(found) / len(found) == pytest.approx(0.9, abs=0.005)  # three standard errors


@given(some_pictures, st.sampled_from([0.3, 0.5, 0.75]))
def test_no_higher_threshold_keeps_the_promise(listed: list[ScoredPicture], recall: float) -> None:
    bad = sum(item.is_bad for item in listed)
    may_miss = (1 - recall) * (bad + 1) - 1
    try:
        threshold = threshold_for_recall(listed, recall)
    except UserError:
        least = count_errors(listed, 0.0).missed.count
        assert may_miss < 0 or least > may_miss
        return
    assert count_errors(listed, threshold).missed.count <= may_miss
    higher = [item.score for item in listed if threshold < item.score < ALWAYS and item.is_bad]
    for other in higher:
        assert count_errors(listed, math.nextafter(other, 2)).missed.count > may_miss


@given(some_pictures, st.sampled_from([(1.0, 1.0), (50.0, 1.0), (1.0, 8.0)]))
def test_no_threshold_costs_less(listed: list[ScoredPicture], costs: tuple[float, float]) -> None:
    def cost(threshold: float) -> float:
        errors = count_errors(listed, threshold)
        return costs[0] * errors.missed.count + costs[1] * errors.false_alarms.count

    chosen = threshold_for_cost(listed, *costs)
    assert cost(chosen) == min(cost(step / 20) for step in range(22))


def test_what_cannot_be_promised_is_refused() -> None:
    with pytest.raises(UserError, match=r"recall=0.95 needs at least 19 bad pictures .* there are 18"):
        threshold_for_recall(pictures(0, 18, 5), 0.95)
    assert threshold_for_recall(pictures(0, 19, 5), 0.95) == min(
        item.score for item in pictures(0, 19, 5)[:19]
    )
    unseen = [ScoredPicture(NEVER, True)] * 4 + [ScoredPicture(0.5, True)] * 16
    with pytest.raises(UserError, match=r"cannot be reached: 16 of 20 bad pictures have a box"):
        threshold_for_recall(unseen, 0.9)


def test_the_held_out_errors_are_those_of_thresholds_chosen_on_others() -> None:
    """Scores that tell nothing: the best threshold looks good on its own pictures, and not on others."""
    chance = random.Random(3)
    listed = [ScoredPicture(chance.random(), place % 2 == 0) for place in range(40)]

    def choose(part: list[ScoredPicture]) -> float:
        assert len(part) == 36
        return threshold_for_cost(part, 1, 1)

    same, held_out = count_errors(listed, choose(listed[:36])), held_out_errors(listed, choose)
    assert held_out.missed.total == held_out.false_alarms.total == 20
    total = [each.missed.count + each.false_alarms.count for each in (same, held_out)]
    assert total[1] > total[0]
    assert held_out_errors(listed, choose) == held_out
