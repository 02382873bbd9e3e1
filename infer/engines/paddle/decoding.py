"""The decoding loop: the rows of a batch share a cache of keys and values, and leave it when they end."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infer.engines.kept import Kept
from infer.engines.paddle.guides import Guide, allowed_by, forced_by
from infer.engines.paddle.reading.prompt_reader import PromptReader
from infer.engines.paddle.sampling import entropies, log_probabilities, most_likely, sample
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
    `max_new_tokens`. At most `rows` answers are made at a time (None: all). Log-probabilities and entropies
    are those of the model at temperature 1, whatever the temperature.
    """

    end_ids: frozenset[int]
    pad_id: int
    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    with_logprobs: bool = False
    with_entropies: bool = False
    rows: int | None = None

    def source(self, request: Request) -> random.Random:
        """Return random numbers that depend on seed, question and draw, but not on the batch around them."""
        names = tuple(image.name for image in request.images)
        parts: tuple[object, ...] = (
            *(self.seed, request.draw, names if len(names) > 1 else "".join(names)),
            *(request.system, request.user),
            *((exchange.question, exchange.answer) for exchange in request.history),
        )
        return random.Random(hashlib.sha256(repr(parts).encode()).digest())


@dataclass
class Row:
    """An unfinished or finished answer; `position` is that of the last token that was fed.

    `entropies`, in nats, are those of the model's choices of the tokens, if they are asked for.
    With `wanted` above 0, `alternatives` holds so many (id, log-probability) pairs for each token. The
    answer is cut at `most` tokens. `guides` steer it; one of them may end it, and `problem` is its reason.
    `pending` are the chosen tokens that are not fed yet. Tokens that were forced get their probabilities when
    they are fed: so many are `owed`.
    """

    number: int
    source: random.Random
    most: int
    guides: Sequence[Guide] = ()
    wanted: int = 0
    position: int = 0
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    alternatives: list[list[tuple[int, float]]] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    owed: int = 0
    has_ended: bool = False
    is_cut: bool = False
    problem: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether the answer gets no more tokens."""
        return self.has_ended or self.is_cut

    def append(self, token_id: int, decoding: Decoding) -> bool:
        """Add the next token, and return whether it belongs to the answer; done rows stay as they are."""
        if self.is_done:
            return False
        self.pending.append(token_id)
        endings = [guide.accept(token_id) for guide in self.guides]
        if token_id in decoding.end_ids:
            self.has_ended = True
            self.problem = next((ending.problem for ending in endings if ending is not None), None)
            return False
        self.token_ids.append(token_id)
        self.is_cut = len(self.token_ids) == self.most
        for ending in endings:
            if ending is not None:
                self.has_ended, self.is_cut, self.problem = True, False, ending.problem
                self.token_ids = self.token_ids[: ending.kept]
        return True

    def finish(self) -> None:
        """Drop the probabilities of tokens that an ending took away."""
        for values in (self.logprobs, self.entropies, self.alternatives):
            del values[len(self.token_ids) :]


def generate(
    forward: ForwardPass,
    prompts: Sequence[Prompt],
    sources: Sequence[random.Random],
    decoding: Decoding,
    asked: Sequence[Request] = (),
    guides: Sequence[Sequence[Guide]] = (),
    kept: Kept | None = None,
) -> list[Row]:
    """Answer the prompts, each with its random numbers, and return finished rows in their order.

    `asked` are the requests behind the prompts, if they have limits or want alternatives; `guides` are those
    of each answer. `kept` is what earlier calls with the same weights have read.

    Prompts are left-padded and read once; those about one image share its reading. Then each step feeds one
    token per row, or several where they were forced. With more prompts than `decoding.rows`, waiting prompts
    take the places of rows that have ended.
    """
    limit = decoding.rows or len(prompts)
    longest = decoding.max_new_tokens
    rows = [Row(number, source, longest) for number, source in enumerate(sources)]
    for row, request in zip(rows, asked, strict=False):
        row.wanted, row.most = request.alternatives, min(longest, request.max_tokens or longest)
    for row, own in zip(rows, guides, strict=False):
        row.guides = own
    reader = PromptReader(forward, prompts, decoding.pad_id, Kept(0) if kept is None else kept)
    waiting, batch = rows, _Batch(forward, reader, decoding)
    while True:
        ended = sum(row.is_done and not row.owed for row in batch.rows)
        if ended == len(batch.rows) or ended >= LEAVE_AT * limit:
            batch.drop_ended()
            admitted, waiting = waiting[: limit - len(batch.rows)], waiting[limit - len(batch.rows) :]
            if admitted:
                batch.admit(admitted)
                continue
            if not batch.rows:
                for row in rows:
                    row.finish()
                return rows
        batch.step()


class _Batch:
    """The rows that are decoded together, and their cache."""

    def __init__(self, forward: ForwardPass, reader: PromptReader, decoding: Decoding) -> None:
        self.forward, self.reader, self.decoding = forward, reader, decoding
        self.rows: list[Row] = []
        self.cache: Cache | None = None

    def drop_ended(self) -> None:
        """Drop the rows that have ended, and the slots that only they used."""
        kept = [number for number, row in enumerate(self.rows) if not row.is_done or row.owed]
        if len(kept) == len(self.rows):
            return
        self.rows = [self.rows[number] for number in kept]
        self.cache = self.cache.keep(kept) if self.cache is not None and kept else None

    def admit(self, rows: list[Row]) -> None:
        """Read the rows' prompts, choose each row's first token, and add the rows to the batch."""
        read = self.reader.read([row.number for row in rows])
        for row, position in zip(rows, read.positions, strict=True):
            row.position = position
        self._choose(rows, read.logits)
        self.cache = read.cache if self.cache is None else self.cache.join(read.cache)
        self.rows = self.rows + rows

    def step(self) -> None:
        """Feed the pending tokens of every row, and choose the next; ended rows are computed, too."""
        assert self.cache is not None
        fed = [row.pending for row in self.rows]
        firsts = [row.position + 1 for row in self.rows]
        every = any(row.owed for row in self.rows)
        logits = self.forward.extend(fed, firsts, self.cache, every=every)
        for number, (row, tokens) in enumerate(zip(self.rows, fed, strict=True)):
            if row.owed:
                self._pay(row, logits[number, -len(tokens) :])
            if row.is_done:
                row.pending = tokens[-1:]
            else:
                row.position, row.pending = row.position + len(tokens), []
        self._choose(self.rows, logits[:, -1])

    def _pay(self, row: Row, logits: Any) -> None:
        """Give the forced tokens of a row their probabilities, from the logits (tokens, vocabulary) fed."""
        forced = row.pending[1 : 1 + row.owed]
        if self.decoding.with_logprobs:
            row.logprobs += log_probabilities(logits[: len(forced)], _tensor(forced)).tolist()
        if self.decoding.with_entropies:
            row.entropies += entropies(logits[: len(forced)]).tolist()
        if row.wanted:
            row.alternatives += most_likely(logits[: len(forced)], row.wanted)
        row.owed = 0

    def _choose(self, rows: Sequence[Row], logits: Any) -> None:
        """Choose a token for each row from its logits (rows, vocabulary), and the tokens forced after it."""
        allowed = _only_allowed(rows, logits)
        if self.decoding.temperature == 0:
            chosen = allowed.argmax(-1)
        else:
            numbers = [row.source.random() for row in rows]
            chosen = sample(allowed / self.decoding.temperature, self.decoding.top_p, numbers)
        logprobs: list[float | None] = [None] * len(rows)
        if self.decoding.with_logprobs:
            logprobs = log_probabilities(logits, chosen).tolist()
        spread: list[float | None] = [None] * len(rows)
        if self.decoding.with_entropies:
            spread = entropies(logits).tolist()
        most = max(row.wanted for row in rows)
        likely: list[list[tuple[int, float]]] = most_likely(logits, most) if most else [[]] * len(rows)
        columns = zip(rows, chosen.tolist(), logprobs, spread, likely, strict=True)
        for row, token_id, logprob, entropy, ranked in columns:
            if not row.append(token_id, self.decoding):
                continue
            if logprob is not None:
                row.logprobs.append(logprob)
            if entropy is not None:
                row.entropies.append(entropy)
            if row.wanted:
                row.alternatives.append(ranked[: row.wanted])
            self._force(row)

    def _force(self, row: Row) -> None:
        """Append the tokens that a row's guides leave no choice about: no step of the model is needed."""
        counted = self.decoding.with_logprobs or self.decoding.with_entropies or row.wanted > 0
        for token_id in forced_by(row.guides):
            if row.append(token_id, self.decoding) and counted:
                row.owed += 1


def _only_allowed(rows: Sequence[Row], logits: Any) -> Any:
    """Return the logits (rows, vocabulary), minus infinity at tokens that a row's guides forbid."""
    import numpy as np
    import paddle

    masks = [None if row.is_done else allowed_by(row.guides) for row in rows]
    if all(mask is None for mask in masks):
        return logits
    width = logits.shape[-1]  # of the embedding, which can have more rows than the tokenizer has tokens
    may = np.ones((len(rows), width), dtype=bool)
    for row, mask in enumerate(masks):
        if mask is not None:
            may[row, : len(mask)], may[row, len(mask) :] = mask[:width], False
    return paddle.where(paddle.to_tensor(may), logits, paddle.full_like(logits, -np.inf))


def _tensor(token_ids: Sequence[int]) -> Any:
    import paddle

    return paddle.to_tensor(list(token_ids), dtype="int64")
