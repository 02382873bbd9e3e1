"""The clipped objective against numbers by hand, and its gradient against finite differences."""

import math
from typing import Any

import numpy as np
import pytest

from train.objectives.grpo.policy_loss import Clip, distance_to_start, policy_loss

CLIP = Clip(0.2, 0.28)


def tensor(values: list[float]) -> Any:
    import paddle

    return paddle.to_tensor(values, dtype="float64", stop_gradient=False)


def loss_of(logprobs: Any, old: list[float], advantages: list[float]) -> Any:
    return policy_loss(logprobs, tensor(old), tensor(advantages), CLIP, length=10, answers=2)


@pytest.mark.parametrize(
    ("ratio", "advantage", "gain", "slope"),
    [
        (1.0, 0.5, 0.5, 0.5),
        (1.2, 0.5, 0.6, 0.6),  # still inside: the upper clip is wider
        (1.5, 0.5, 1.28 * 0.5, 0.0),  # a good answer is not pushed beyond the clip
        (0.5, 0.5, 0.25, 0.25),  # and is pulled back from below
        (0.5, -0.5, 0.8 * -0.5, 0.0),  # a bad one is not pushed further down
        (1.5, -0.5, -0.75, -0.75),
    ],
)
def test_a_token_by_hand(ratio: float, advantage: float, gain: float, slope: float) -> None:
    logprobs = tensor([math.log(0.3 * ratio)])
    loss = loss_of(logprobs, [math.log(0.3)], [advantage])
    loss.backward()
    assert float(loss) == pytest.approx(-gain / 20)
    assert logprobs.grad.item() == pytest.approx(-slope / 20)


def test_the_first_step_is_the_policy_gradient() -> None:
    """At the model that sampled, the gradient of each token's log-probability is its advantage."""
    values = [-0.1, -2.0, -0.7]
    logprobs = tensor(values)
    loss_of(logprobs, values, [0.5, 0.5, -1.0]).backward()
    np.testing.assert_allclose(logprobs.grad.numpy(), np.array([-0.5, -0.5, 1.0]) / 20)


def test_gradients_are_those_of_finite_differences() -> None:
    source = np.random.default_rng(0)
    values, old = source.normal(-1, 0.4, 20), source.normal(-1, 0.4, 20)
    advantages = list(source.normal(0, 1, 20))
    logprobs = tensor(list(values))
    loss_of(logprobs, list(old), advantages).backward()
    step = 1e-6
    for place in range(20):
        up, down = values.copy(), values.copy()
        up[place] += step
        down[place] -= step
        difference = float(loss_of(tensor(list(up)), list(old), advantages)) - float(
            loss_of(tensor(list(down)), list(old), advantages)
        )
        assert float(logprobs.grad[place]) == pytest.approx(difference / (2 * step), abs=1e-6)


def test_the_distance_is_zero_at_the_start_and_never_negative() -> None:
    start = tensor([-0.5, -1.0, -2.0])
    assert distance_to_start(start, start).numpy().tolist() == [0, 0, 0]
    moved = distance_to_start(tensor([-0.1, -3.0, -2.1]), start).numpy()
    assert (moved > 0).all()
    assert moved[0] == pytest.approx(math.exp(-0.4) + 0.4 - 1)
