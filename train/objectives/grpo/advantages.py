"""From the rewards of a group of answers to how much each of them is learned."""

from collections.abc import Sequence

SAME = 1e-6
"""Rewards that differ by less are the same: rounding must not be learned."""

FAILED = 0.0
"""A group whose best reward is not above this has failed as a whole."""


def group_advantages(rewards: Sequence[float]) -> tuple[float, ...]:
    """Return each reward less the group's mean, not divided by the deviation.

    Source: Liu et al., Understanding R1-Zero-Like Training (Dr.GRPO), arXiv 2503.20783, section 3.2.
    """
    mean = sum(rewards) / len(rewards)
    return tuple(reward - mean for reward in rewards)


def is_dead(rewards: Sequence[float]) -> bool:
    """Tell whether all answers got the same reward, so that nothing can be learned from the group."""
    return max(rewards) - min(rewards) < SAME


def has_failed(rewards: Sequence[float]) -> bool:
    """Tell whether no answer of the group is worth anything."""
    return max(rewards) <= FAILED
