"""The log-probabilities of the answers of pairs, and the loss that is made of them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AnswerLogps:
    """The log-probabilities of each pair's chosen and rejected answer, float32 (pairs,) each."""

    chosen: Any
    rejected: Any

    def detach(self) -> "AnswerLogps":
        """Return the numbers alone, without a way back to the model."""
        return AnswerLogps(self.chosen.detach(), self.rejected.detach())


AVERAGED_LOSSES = ("ipo", "or", "simpo")
"""The losses of the mean of an answer's tokens, in place of their sum (dpo_loss.py, line 361)."""


def answer_logps(logps: Any, places: Any) -> AnswerLogps:
    """Add up the log-probabilities of each answer's tokens.

    `logps` are those of all tokens of all answers, (tokens,): of each pair the chosen answer's, then the
    rejected one's. `places` has four numbers for each pair: its row, the first token of the chosen answer,
    the first of the rejected one, and the end of that.
    """
    import paddle

    sums, start = [], 0
    for _, first, middle, end in places.tolist():
        for length in (middle - first, end - middle):
            sums.append(logps[start : start + length].sum())
            start += length
    both = paddle.stack(sums).reshape([-1, 2])
    return AnswerLogps(both[:, 0], both[:, 1])


def compared_logps(logps: AnswerLogps, places: Any, settings: Any) -> AnswerLogps:
    """Return what the recipe's loss compares: sums, means of tokens, or sums for a mean length.

    Source: dpo_logps in paddleformers/nn/criterion/dpo_loss.py, line 250. `settings` is its DPOConfig.
    """
    ends = places.astype("float32")
    chosen, rejected = ends[:, 2] - ends[:, 1], ends[:, 3] - ends[:, 2]
    if settings.loss_type in AVERAGED_LOSSES:
        return AnswerLogps(logps.chosen / chosen, logps.rejected / rejected)
    if settings.normalize_logps:
        mean = (chosen + rejected) / 2
        return AnswerLogps(logps.chosen * mean / chosen, logps.rejected * mean / rejected)
    return logps
