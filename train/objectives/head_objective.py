"""A loss of single tokens in the place of their mean cross entropy, or beside it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

OBJECTIVE = "_objective_of_tokens"
"""An attribute of a model's head while its tokens are learned by another loss: a `HeadObjective`."""

ADDED = "_loss_beside_cross_entropy"
"""An attribute of a model's head while other losses are added to the mean cross entropy: a tuple of them."""


@dataclass(frozen=True)
class HeadObjective:
    """A loss of the learned tokens: from their log-probabilities, (tokens,), to a scalar.

    The logits are divided by `temperature` before.
    """

    loss_of: Callable[[Any], Any]
    temperature: float = 1.0


@contextmanager
def objective(head: Any, loss_of: Callable[[Any], Any], temperature: float = 1.0) -> Iterator[None]:
    """Let a model's head return `loss_of` the log-probabilities of the learned tokens.

    They are those of the policy at this temperature, from which tokens were sampled. The patch
    learn_in_blocks asks for it.
    """
    head.__dict__[OBJECTIVE] = HeadObjective(loss_of, temperature)
    try:
        yield
    finally:
        del head.__dict__[OBJECTIVE]


@contextmanager
def added_loss(head: Any, loss_of: Callable[[Any, Any, Any], Any]) -> Iterator[None]:
    """Let a model's head add `loss_of` to the mean cross entropy of the learned tokens.

    It gets the hidden states of all tokens, (..., width), the head's weight, and the group of processes that
    share it, or None; it returns a scalar. The patch learn_in_blocks asks for it.
    """
    before = head.__dict__.get(ADDED, ())
    head.__dict__[ADDED] = (*before, loss_of)
    try:
        yield
    finally:
        head.__dict__[ADDED] = before


@contextmanager
def states_kept(head: Any) -> Iterator[list[Any]]:
    """Collect the hidden states that a model's head gets, (..., width), one for each batch; add no loss."""
    hidden: list[Any] = []

    def keep(states: Any, weight: Any, group: Any) -> float:
        del weight, group
        hidden.append(states)
        return 0.0

    with added_loss(head, keep):
        yield hidden
