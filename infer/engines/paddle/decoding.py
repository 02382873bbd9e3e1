"""The decoding loop: the rows of a batch share a cache of keys and values, and leave it when they end."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infer.engines.paddle.sampling import log_probabilities, most_likely, sample
from infer.engines.protocol import Request
from models.cache import Cache
from models.family import ForwardPass, Prompt

LEAVE_AT = 0.5
"""Ended rows are dropped when they make up this share of the batch: dropping copies the cache."""


@dataclass(frozen=True)
class Decoding:
    """How answers are made.

    At temperature 0 the most likely token is taken; otherwise a token is sampled from the most likely ones
    that together have the probability `top_p`. An answer ends at one of `end_ids`, and is cut at
    `max_new_tokens`. At most `rows` answers are made at a time (None: all). Log-probabilities are those of
    the model at temperature 1, whatever the temperature.
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
        """Return random numbers that depend on seed, question and draw, but not on the batch around them."""
        parts = (self.seed, request.draw, request.image.name, request.system, request.user)
        return random.Random(hashlib.sha256(repr(parts).encode()).digest())


@dataclass
class Row:
    """An unfinished or finished answer; `position` is that of its last token.

    With `wanted` above 0, `alternatives` holds so many (id, log-probability) pairs for each token. The
    answer is cut at `most` tokens.
    """

    number: int
    source: random.Random
    most: int
    wanted: int = 0
    position: int = 0
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    alternatives: list[list[tuple[int, float]]] = field(default_factory=list)
    last_id: int = 0
    has_ended: bool = False
    is_cut: bool = False

    @property
    def is_done(self) -> bool:
        """Whether the answer gets no more tokens."""
        return self.has_ended or self.is_cut

    def append(self, token_id: int, logprob: float | None, decoding: Decoding) -> None:
        """Add the next token; a row that is done stays as it is."""
        if self.is_done:
            return
        self.last_id = token_id
        if token_id in decoding.end_ids:
            self.has_ended = True
            return
        self.token_ids.append(token_id)
        if logprob is not None:
            self.logprobs.append(logprob)
        self.is_cut = len(self.token_ids) == self.most


def generate(
    forward: ForwardPass,
    prompts: Sequence[Prompt],
    sources: Sequence[random.Random],
    decoding: Decoding,
    asked: Sequence[Request] = (),
) -> list[Row]:
    """Answer the prompts, each with its random numbers, and return finished rows in their order.

    `asked` are the requests behind the prompts, if they have limits or want alternatives.

    Prompts are left-padded and read once. Then each step feeds one token per row. With more prompts than
    `decoding.rows`, waiting prompts take the places of rows that have ended.
    """
    limit = decoding.rows or len(prompts)
    longest = decoding.max_new_tokens
    rows = [Row(number, source, longest) for number, source in enumerate(sources)]
    for row, request in zip(rows, asked, strict=False):
        row.wanted, row.most = request.alternatives, min(longest, request.max_tokens or longest)
    waiting, batch = rows, _Batch(forward, decoding)
    while True:
        ended = sum(row.is_done for row in batch.rows)
        if ended == len(batch.rows) or ended >= LEAVE_AT * limit:
            batch.drop_ended()
            admitted, waiting = waiting[: limit - len(batch.rows)], waiting[limit - len(batch.rows) :]
            if admitted:
                batch.admit(admitted, [prompts[row.number] for row in admitted])
                continue
            if not batch.rows:
                return rows
        batch.step()


class _Batch:
    """The rows that are decoded together, and their cache."""

    def __init__(self, forward: ForwardPass, decoding: Decoding) -> None:
        self.forward, self.decoding = forward, decoding
        self.rows: list[Row] = []
        self.cache: Cache | None = None

    def drop_ended(self) -> None:
        """Drop the rows that have ended, and the slots that only they used."""
        kept = [number for number, row in enumerate(self.rows) if not row.is_done]
        if len(kept) == len(self.rows):
            return
        self.rows = [self.rows[number] for number in kept]
        self.cache = self.cache.keep(kept) if self.cache is not None and kept else None

    def admit(self, rows: list[Row], prompts: Sequence[Prompt]) -> None:
        """Read the prompts, choose each row's first token, and add the rows to the batch."""
        read = self.forward.read_prompts(prompts, self.decoding.pad_id)
        for row, position in zip(rows, read.positions, strict=True):
            row.position = position
        self._choose(rows, read.logits)
        self.cache = read.cache if self.cache is None else self.cache.join(read.cache)
        self.rows = self.rows + rows

    def step(self) -> None:
        """Feed the last token of every row, and choose the next; rows that have ended are computed too."""
        assert self.cache is not None
        for row in self.rows:
            row.position += not row.is_done
        ids, positions = [row.last_id for row in self.rows], [row.position for row in self.rows]
        self._choose(self.rows, self.forward.step(ids, positions, self.cache))

    def _choose(self, rows: Sequence[Row], logits: Any) -> None:
        """Choose a token for each row from its logits (rows, vocabulary)."""
        if self.decoding.temperature == 0:
            chosen = logits.argmax(-1)
        else:
            numbers = [row.source.random() for row in rows]
            chosen = sample(logits / self.decoding.temperature, self.decoding.top_p, numbers)
        logprobs: list[float | None] = [None] * len(rows)
        if self.decoding.with_logprobs:
            logprobs = log_probabilities(logits, chosen).tolist()
        most = max(row.wanted for row in rows)
        likely: list[list[tuple[int, float]]] = most_likely(logits, most) if most else [[]] * len(rows)
        for row, token_id, logprob, ranked in zip(rows, chosen.tolist(), logprobs, likely, strict=True):
            kept = len(row.token_ids)
            row.append(token_id, logprob, self.decoding)
            if row.wanted and len(row.token_ids) > kept:
                row.alternatives.append(ranked[: row.wanted])
