"""The tokens that a grammar leaves no choice about, as the tokenizer segments the whole text."""

from functools import lru_cache

from grounding.grammar.answer_grammar import AnswerGrammar, State
from grounding.grammar.symbols import Symbols
from infer.engines.paddle.grammar.token_choices import KEPT_STATES
from infer.engines.paddle.grammar.vocabulary import Vocabulary


class ForcedTokens:
    """Finds the tokens of text that must come next.

    A model learns texts as the tokenizer segments them. The last tokens of forced text can depend on what
    comes after it: a token that begins in it and ends behind it may take their place. They are not forced.
    Tokens before them do not change: byte pairs are merged in an order that depends on nothing else.
    """

    def __init__(self, grammar: AnswerGrammar, vocabulary: Vocabulary) -> None:
        """Take the grammar, and the tokens."""
        self.grammar, self.vocabulary = grammar, vocabulary
        self.after = lru_cache(maxsize=KEPT_STATES)(self._after)
        self._sure = lru_cache(maxsize=KEPT_STATES)(self._sure_tokens)

    def _after(self, state: State) -> tuple[int, ...]:
        """Return the tokens that must come next in a state, as far as they are sure."""
        symbols, end = self.grammar.forced(state)
        return self._sure(symbols, self.grammar.like(end)) if symbols else ()

    def _sure_tokens(self, symbols: Symbols, end: State) -> tuple[int, ...]:
        ids = self.vocabulary.segment(symbols)
        sure = len(ids)
        for start in reversed(range(len(symbols))):
            if symbols[start] >= 256:
                break
            for token in self.vocabulary.beginning_with(symbols[start:]):
                if sure == 0:
                    return ()
                rest = tuple(token[len(symbols) - start :])
                if self._leads(end, rest):
                    sure = min(sure, _common(ids, self.vocabulary.segment(symbols + rest)))
        return tuple(ids[:sure])

    def _leads(self, state: State, symbols: Symbols) -> bool:
        after: State | None = state
        for symbol in symbols:
            after = None if after is None else self.grammar.step(after, symbol)
        return after is not None


def _common(one: list[int], other: list[int]) -> int:
    """Return how many tokens two lists begin with in common."""
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )
