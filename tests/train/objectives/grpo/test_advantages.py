"""Advantages of a group of answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.objectives.grpo.advantages import group_advantages, has_failed, is_dead

REWARDS = st.lists(st.floats(0, 1), min_size=2, max_size=16)


@given(REWARDS)
def test_advantages_sum_to_nothing_and_keep_the_differences(rewards: list[float]) -> None:
    advantages = group_advantages(rewards)
    assert sum(advantages) == pytest.approx(0, abs=1e-9)
    for reward, advantage in zip(rewards, advantages, strict=True):
        assert advantage - advantages[0] == pytest.approx(reward - rewards[0], abs=1e-9)


@given(REWARDS, st.floats(0.1, 10))
def test_a_wider_group_teaches_more(rewards: list[float], factor: float) -> None:
    """Advantages are not divided by the group's deviation."""
    wider = group_advantages([reward * factor for reward in rewards])
    assert wider == pytest.approx([value * factor for value in group_advantages(rewards)], abs=1e-9)


def test_groups_without_a_difference() -> None:
    assert is_dead([0.5, 0.5 + 1e-9])
    assert not is_dead([0.5, 0.51])
    assert has_failed([0.0, 0.0])
    assert not has_failed([0.0, 0.1])
