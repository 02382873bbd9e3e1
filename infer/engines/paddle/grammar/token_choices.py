"""The tokens that can come next in a state of a grammar, and how much room each of them needs."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from grounding.grammar.answer_grammar import AnswerGrammar, State
from infer.engines.paddle.grammar.vocabulary import TokenRange, Vocabulary

KEPT_STATES = 4096
"""So many states keep their tokens; states with many tokens are few."""


class Choices(NamedTuple):
    """Token ids, and the tokens that must be left for each: itself, and the end of the answer after it."""

    ids: npt.NDArray[np.int32]
    needs: npt.NDArray[np.int32]


class TokenChoices:
    """Finds the tokens that continue an answer.

    Where few symbols can come next, it walks the sorted tokens and the grammar together. In a free label,
    where most tokens can, it reads all tokens byte by byte side by side, in numpy.
    """

    def __init__(self, grammar: AnswerGrammar, vocabulary: Vocabulary) -> None:
        """Take the grammar, and the tokens."""
        self.grammar, self.vocabulary = grammar, vocabulary
        self.at = lru_cache(maxsize=KEPT_STATES)(self._at)
        self.reserve = lru_cache(maxsize=KEPT_STATES)(self._reserve)
        self._fewest = lru_cache(maxsize=KEPT_STATES)(vocabulary.fewest_tokens)

    def after(self, state: State, token_id: int) -> State | None:
        """Return the state after a token, None where no answer goes on with it."""
        spelled = self.vocabulary.spelled[token_id] if token_id < self.vocabulary.width else ()
        after: State | None = state if spelled else None
        for symbol in spelled:
            after = None if after is None else self.grammar.step(after, symbol)
        return after

    def _at(self, state: State) -> Choices:
        """Return the tokens that can come next."""
        pairs = []
        for symbol, ids in self.vocabulary.symbol_ids.items():
            if (after := self.grammar.step(state, symbol)) is not None:
                pairs += [(token_id, 1 + self.reserve(after)) for token_id in ids]
        is_free = self.grammar.choices(state) is None
        rest = [self._sweep(state)] if is_free else self._below(self.vocabulary.root, state)
        return _joined([_of_pairs(pairs), *rest])

    def _sweep(self, state: State) -> Choices:
        """Return the tokens that lead from a state, all at once."""
        flat, starts, lengths = self.vocabulary.columns
        ids = np.asarray(self.vocabulary.ids, dtype=np.int32)
        states: dict[State, int] = {state: 0}
        at = np.zeros(len(ids), dtype=np.int64)
        alive = np.arange(len(ids))
        whole: list[npt.NDArray[np.int64]] = []
        column = 0
        while len(alive):
            keys = at[alive] * 256 + flat[starts[alive] + column]
            known, after = list(states), np.full(len(states) * 256, -1)
            for key in np.flatnonzero(np.bincount(keys)).tolist():
                reached = self.grammar.step(known[key // 256], key % 256)
                if reached is not None:
                    after[key] = states.setdefault(reached, len(states))
            at[alive] = after[keys]
            alive, column = alive[at[alive] >= 0], column + 1
            is_whole = lengths[alive] == column
            whole.append(alive[is_whole])
            alive = alive[~is_whole]
        found = np.concatenate(whole)
        needs = np.asarray([1 + self.reserve(each) for each in states], dtype=np.int32)
        return Choices(ids[found], needs[at[found]])

    def _below(self, node: TokenRange, state: State) -> Iterator[Choices]:
        """Yield the tokens of a node that lead from the state, which is that after the node's bytes."""
        pairs: list[tuple[int, int]] = []
        tokens, children = self.vocabulary.tokens, self.vocabulary.children(node)
        if node.depth and len(tokens[node.first]) == node.depth:
            need = 1 + self.reserve(state)
            for place in range(node.first, node.last):
                if len(tokens[place]) > node.depth:
                    break
                pairs.append((self.vocabulary.ids[place], need))
        choices = self.grammar.choices(state)
        for byte in children if choices is None or len(choices) > len(children) else choices:
            child = children.get(byte)
            after = None if child is None else self.grammar.step(state, byte)
            if child is None or after is None:
                continue
            yield from self._below(child, after)
        if pairs:
            yield _of_pairs(pairs)

    def _reserve(self, state: State) -> int:
        return self.grammar.reserve(state, self._fewest)


def _of_pairs(pairs: list[tuple[int, int]]) -> Choices:
    both: Any = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    return Choices(both[:, 0], both[:, 1])


def _joined(parts: list[Choices]) -> Choices:
    ids, needs = zip(*parts, strict=True) if parts else ((), ())
    empty: npt.NDArray[np.int32] = np.empty(0, dtype=np.int32)
    return Choices(np.concatenate([empty, *ids]), np.concatenate([empty, *needs]))
