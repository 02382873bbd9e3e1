"""The decoding loop: the rows of a batch share a cache of keys and values, and leave it when they end."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from infer.engines.paddle.encoding import Prompt, text_positions
from infer.engines.protocol import Request
from models.qwen3_vl.cache import Cache
from models.qwen3_vl.forward import Forward

LEAVE_AT = 0.5
"""Rows leave when this share of the batch has ended: leaving copies the cache."""


@dataclass(frozen=True)
class Decoding:
    """How answers are made.

    The likeliest token is taken at temperature 0, else one is drawn from the likeliest that make up `top_p`.
    An answer ends at one of `end_ids`, and is cut at `max_new_tokens`. At most `rows` answers are made at a
    time, None being all; log-probabilities are those of the model, whatever the temperature.
    """

    end_ids: frozenset[int]
    pad_id: int
    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    with_logprobs: bool = False
    rows: int | None = None

    def source(self, request: Request) -> random.Random:
        """Return random numbers that depend on seed, question and draw, not on the batch around them."""
        parts = (self.seed, request.draw, request.image.name, request.system, request.user)
        return random.Random(hashlib.sha256(repr(parts).encode()).digest())


@dataclass
class Row:
    """An answer in the making; `position` is that of its last token, `pads` the slots before its first."""

    number: int
    source: random.Random
    position: int
    pads: int
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    last_id: int = 0
    has_ended: bool = False
    is_cut: bool = False


def generate(
    model: Any, prompts: Sequence[Prompt], sources: Sequence[random.Random], decoding: Decoding
) -> list[Row]:
    """Answer the prompts, each with its random numbers, and return finished rows in their order.

    Prompts are padded on the left and read once; then every step feeds one token a row. Where more prompts
    are given than may be answered at a time, those that wait take the places of those that ended.
    """
    forward = Forward(model)
    limit = decoding.rows or len(prompts)
    rows = [Row(number, source, 0, 0) for number, source in enumerate(sources)]
    waiting, batch = rows, _Batch(forward, decoding)
    while True:
        ended = sum(row.has_ended or row.is_cut for row in batch.rows)
        if ended == len(batch.rows) or ended >= LEAVE_AT * limit:
            batch.drop_ended()
            admitted, waiting = waiting[: limit - len(batch.rows)], waiting[limit - len(batch.rows) :]
            if admitted:
                batch.admit(admitted, [prompts[row.number] for row in admitted])
                continue
            if not batch.rows:
                return rows
        batch.step()


def draw(logits: Any, top_p: float, numbers: Sequence[float]) -> Any:
    """Draw a token for each row of logits, by a number in 0..1 a row, and return the ids (rows).

    It is drawn from the fewest likeliest tokens that together have the probability `top_p`. Source: Holtzman
    et al., The Curious Case of Neural Text Degeneration, 2020, section 3.1. They stand in the vocabulary's
    order, not in that of their probabilities, so that rounding does not decide between equal ones.
    """
    import paddle
    from paddle.nn import functional

    probabilities = functional.softmax(logits, axis=-1)
    if top_p < 1:
        ranked = probabilities.sort(axis=-1, descending=True)
        last = (ranked.cumsum(axis=-1) < top_p).astype("int64").sum(-1, keepdim=True)
        least = paddle.take_along_axis(ranked, last.clip(max=logits.shape[-1] - 1), axis=-1)
        probabilities = probabilities * (probabilities >= least).astype(probabilities.dtype)
    sums = probabilities.cumsum(axis=-1)
    below_one = paddle.to_tensor(list(numbers), dtype=sums.dtype).clip(max=1 - 1e-6).unsqueeze(-1)
    return (sums <= below_one * sums[:, -1:]).astype("int64").sum(-1)


class _Batch:
    """The rows in work, and their cache."""

    def __init__(self, forward: Forward, decoding: Decoding) -> None:
        self.forward, self.decoding = forward, decoding
        self.rows: list[Row] = []
        self.cache: Cache | None = None
        self.rotations: tuple[Any, Any] | None = None

    def drop_ended(self) -> None:
        """Let the rows leave that have ended, and with them the slots that only they used."""
        kept = [number for number, row in enumerate(self.rows) if not (row.has_ended or row.is_cut)]
        if len(kept) == len(self.rows):
            return
        self.rows = [self.rows[number] for number in kept]
        if self.cache is None or not kept:
            self.cache = None
            return
        unused = min(row.pads for row in self.rows)
        self.cache = self.cache.keep(kept, unused)
        self._shift(self.rows, -unused)

    def admit(self, rows: list[Row], prompts: Sequence[Prompt]) -> None:
        """Read the prompts, choose each row's first token, and let the rows in."""
        config = self.forward.model.config
        positions = [
            text_positions(prompt, config.image_token_id, config.vision_config.spatial_merge_size)
            for prompt in prompts
        ]
        length = max(each.shape[1] for each in positions)
        padded = np.zeros((3, len(rows), length), dtype="int64")
        for number, (row, own) in enumerate(zip(rows, positions, strict=True)):
            row.pads, row.position = length - own.shape[1], int(own.max())
            padded[:, number, row.pads :] = own
        logits, states = self.forward.read_prompts(prompts, padded, self.decoding.pad_id)
        self._choose(rows, logits)
        cache = Cache.of(states, [row.pads for row in rows], self.forward.group)
        if self.cache is None:
            self.cache = cache
        else:
            self._shift(self.rows, max(0, cache.length - self.cache.length))
            self._shift(rows, max(0, self.cache.length - cache.length))
            self.cache = self.cache.join(cache)
        self.rows = self.rows + rows
        last = max(row.position for row in self.rows) + self.decoding.max_new_tokens
        self.rotations = self.forward.rotation_table(last + 1)

    def step(self) -> None:
        """Feed the last token of every row, and choose the next; rows that have ended go along."""
        import paddle

        assert self.cache is not None
        assert self.rotations is not None
        for row in self.rows:
            row.position += not (row.has_ended or row.is_cut)
        positions = paddle.to_tensor([row.position for row in self.rows])
        cos, sin = (table.index_select(positions).unsqueeze(1) for table in self.rotations)
        ids = paddle.to_tensor([[row.last_id] for row in self.rows])
        self.cache.open_slot()
        logits = self.forward.step(ids, cos, sin, self.cache.attend)
        self.cache.length += 1
        self._choose(self.rows, logits)

    def _choose(self, rows: Sequence[Row], logits: Any) -> None:
        import paddle

        if self.decoding.temperature == 0:
            chosen = logits.argmax(-1)
        else:
            numbers = [row.source.random() for row in rows]
            chosen = draw(logits / self.decoding.temperature, self.decoding.top_p, numbers)
        logprobs: list[float | None] = [None] * len(rows)
        if self.decoding.with_logprobs:
            picked = paddle.take_along_axis(logits, chosen.unsqueeze(-1), axis=-1).squeeze(-1)
            logprobs = (picked - logits.logsumexp(-1)).tolist()
        for row, token_id, logprob in zip(rows, chosen.tolist(), logprobs, strict=True):
            if row.has_ended or row.is_cut:
                continue
            row.last_id = token_id
            if token_id in self.decoding.end_ids:
                row.has_ended = True
                continue
            row.token_ids.append(token_id)
            if logprob is not None:
                row.logprobs.append(logprob)
            row.is_cut = len(row.token_ids) == self.decoding.max_new_tokens

    @staticmethod
    def _shift(rows: Sequence[Row], slots: int) -> None:
        for row in rows:
            row.pads += slots
