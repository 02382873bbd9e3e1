"""The clipped objective over the tokens of sampled answers."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Clip:
    """The share by which a token's probability may fall and rise before it no longer counts."""

    low: float
    high: float


def policy_loss(logprobs: Any, old: Any, advantages: Any, clip: Clip, *, length: int, answers: int) -> Any:
    """Return the loss of some answers, a scalar.

    `logprobs`, `old` and `advantages` are (tokens,), one after the other for all answers: the
    log-probabilities under the model now and when the answers were sampled, and the answer's advantage at
    each of its tokens. The sum over the tokens is divided by `length`, the longest possible answer, and by
    the number of answers, so that a long answer counts as much a token as a short one.
    Sources: Schulman et al., PPO (arXiv 1707.06347), equation 7; Yu et al., DAPO (2503.14476), equation 8 for
    the two sides of the clip; Liu et al., Dr.GRPO (2503.20783) for the constant divisor.
    """
    import paddle

    ratio = (logprobs - old).exp()
    clipped = ratio.clip(1 - clip.low, 1 + clip.high)
    gain = paddle.minimum(ratio * advantages, clipped * advantages)
    return -gain.sum() / (length * answers)


def distance_to_start(logprobs: Any, start: Any) -> Any:
    """Return an estimate of the KL divergence from the start model at each token, (tokens,), never negative.

    Source: Schulman, Approximating KL Divergence, 2020, estimator k3, as in DeepSeekMath, equation 4.
    """
    behind = start - logprobs
    return behind.exp() - behind - 1
