"""Sampled answers that are learned together, and their loss."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from train.objectives.grpo.advantages import SAME
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.policy_loss import Clip, distance_to_start, policy_loss
from train.objectives.grpo.rollouts import Rollout


@dataclass
class LearnedBatch:
    """Some answers that are learned together.

    `answers` counts all answers of the step, those that teach nothing included (0: those of `rollouts`).
    `old` and `start` are the log-probabilities of their tokens, (tokens,) one answer after the other, under
    the model that sampled them and under the start model; None: those of the model now, and no start model.
    `measured` is filled when the batch is learned: mean distance to the start, and share of clipped tokens.
    """

    rollouts: Sequence[Rollout]
    answers: int = 0
    old: Any = None
    start: Any = None
    measured: dict[str, float] = field(default_factory=dict)

    def loss(self, logprobs: Any, settings: GrpoSettings) -> Any:
        """Return the loss, a scalar, from the log-probabilities of the tokens now, (tokens,)."""
        import paddle

        old = logprobs.detach() if self.old is None else self.old
        counts = [len(each.token_ids) for each in self.rollouts]
        advantages = paddle.to_tensor(
            [each.advantage for each, count in zip(self.rollouts, counts, strict=True) for _ in range(count)],
            dtype=logprobs.dtype,
        )
        clip = Clip(settings.clip_low, settings.clip_high)
        scale = {"length": settings.max_new_tokens, "answers": self.answers or len(self.rollouts)}
        loss = policy_loss(logprobs, old, advantages, clip, **scale)
        ratio = (logprobs.detach() - old).exp()
        outside = (ratio < 1 - clip.low) | (ratio > 1 + clip.high)
        tokens = max(1, len(outside))  # none, where all answers were cut at once
        self.measured["clipped"] = float(outside.astype("float32").sum()) / tokens
        if self.start is not None:
            distance = distance_to_start(logprobs, self.start)
            loss = loss + settings.kl * distance.sum() / (scale["length"] * scale["answers"])
            self.measured["kl"] = float(distance.detach().sum()) / tokens
        return loss


def that_teach(rollouts: Sequence[Rollout]) -> Sequence[Rollout]:
    """Return the answers with an advantage: without a distance to the start, others have no gradient.

    One is left where there are none, as a step needs a batch.
    """
    return [each for each in rollouts if abs(each.advantage) >= SAME] or rollouts[:1]
