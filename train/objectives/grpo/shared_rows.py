"""Sampled answers as inputs of PaddleFormers' trainer: the answers to a prompt share one row.

A row is the prompt without its last token, then for each answer this last token and the answer's own. Each
answer has the positions that it would have alone, and attends to the prompt and to itself, so that its
log-probabilities are those of a row of its own, while prompt and image are computed once. With one answer a
row is what the trainer's collator makes of a record. FlashMask's paper (Wang et al., arXiv 2410.01359) calls
this mask "share question".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from train.objectives.grpo.learned_batch import LearnedBatch
from train.objectives.grpo.rollouts import Rollout

NOT_LEARNED = -100
"""PaddleFormers' label of a token that is not learned."""

BATCH_KEY = "_grounding_rollouts"
"""The key under which a batch of the trainer carries the answers that it was made of."""

DENSE_MASK = "attention_mask"
SPARSE_MASK = "attn_mask_startend_row_indices"
"""The two forms of the trainer's mask: (rows, 1, queries, keys), and (rows, 1, keys, 1) of int32: the first
query that no longer attends to the key."""

Collator = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class SharedRow:
    """The answers to one prompt; `shared` is the number of tokens before the first of them."""

    answers: tuple[Rollout, ...]

    @property
    def shared(self) -> int:
        """The tokens of the prompt that are there once: all but the last."""
        return len(self.answers[0].prompt.token_ids) - 1

    def parts(self) -> list[tuple[int, int]]:
        """Return where each answer begins, with the last token of the prompt, and ends."""
        ends = [self.shared]
        for each in self.answers:
            ends.append(ends[-1] + 1 + len(each.token_ids))
        return list(pairwise(ends))

    def encoded(self) -> Any:
        """Return the row as PaddleFormers' data sets yield one."""
        from paddleformers.datasets.SFTDataset import Sequence as Encoded

        prompt = self.answers[0].prompt
        ids, labels = prompt.token_ids[:-1], [NOT_LEARNED] * self.shared
        for each in self.answers:
            # A label stands at the token before it. Nothing comes after the last one.
            ids = [*ids, prompt.token_ids[-1], *each.token_ids]
            labels = [*labels, *each.token_ids, NOT_LEARNED]
        picture = {"pixel_values": prompt.pixel_values, "image_grid_thw": prompt.image_grid_thw}
        return Encoded(ids, list(range(len(ids))), labels, 1, mm_inputs=picture)


def shared_rows(rollouts: Sequence[Rollout]) -> list[SharedRow]:
    """Return the rows of some answers, in their order: those to the same prompt follow one another."""
    return [SharedRow(tuple(own)) for _, own in groupby(rollouts, key=lambda each: id(each.prompt))]


def collate(batch: LearnedBatch, collator: Collator) -> dict[str, Any]:
    """Return the trainer's inputs for some answers, made by the trainer's own collator.

    The learned tokens are those of the answers, one after the other.
    """
    rows = shared_rows(batch.rollouts)
    # Longer than a record may be: the length to which the collator pads is that of the longest row.
    inputs = collator([[row.encoded()] for row in rows], max_seq_len=None)
    inputs["position_ids"] = _positions(rows, inputs["position_ids"])
    for name, separate in ((DENSE_MASK, _dense), (SPARSE_MASK, _sparse)):
        if name in inputs:
            inputs[name] = separate(rows, inputs[name])
    return {**inputs, BATCH_KEY: batch}


def _positions(rows: Sequence[SharedRow], positions: Any) -> Any:
    """Let the positions (axes, rows, tokens) of each answer follow those of the prompt."""
    import numpy as np
    import paddle

    own = positions.numpy().copy()
    for number, row in enumerate(rows):
        for begin, end in row.parts():
            first = own[:, number, row.shared, None]
            own[:, number, begin:end] = first + np.arange(end - begin, dtype=own.dtype)
    return paddle.to_tensor(own)


def _dense(rows: Sequence[SharedRow], mask: Any) -> Any:
    """Hide the answers before it from each answer."""
    import paddle

    own = mask.numpy().copy()
    for number, row in enumerate(rows):
        for begin, end in row.parts():
            own[number, :, begin:end, row.shared : begin] = 0
    return paddle.to_tensor(own)


def _sparse(rows: Sequence[SharedRow], mask: Any) -> Any:
    """Hide each answer from everything behind it."""
    import paddle

    own = mask.numpy().copy()
    for number, row in enumerate(rows):
        for begin, end in row.parts():
            own[number, :, begin:end] = end
    return paddle.to_tensor(own)
