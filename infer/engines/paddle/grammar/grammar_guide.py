"""The guide that keeps an answer within a grammar."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from grounding.answers.forms import CLOSED_EARLY
from grounding.grammar.answer_grammar import AnswerGrammar, State
from grounding.grammar.symbols import END
from infer.engines.paddle.grammar.forced_tokens import ForcedTokens
from infer.engines.paddle.grammar.token_choices import TokenChoices
from infer.engines.paddle.grammar.vocabulary import Vocabulary
from infer.engines.paddle.guides import Ending


class TokenGrammar:
    """A grammar over the tokens of a tokenizer; the guides of all answers share what it has found."""

    def __init__(self, grammar: AnswerGrammar, vocabulary: Vocabulary) -> None:
        """Take the grammar, and the tokens."""
        self.start = grammar.start
        self.width, self.end_ids = vocabulary.width, vocabulary.symbol_ids[END]
        self.choices = TokenChoices(grammar, vocabulary)
        self.forced = ForcedTokens(grammar, vocabulary)

    def guide(self, most: int) -> "GrammarGuide":
        """Return the guide of an answer that is cut at `most` tokens."""
        return GrammarGuide(self, most)


class GrammarGuide:
    """Allows the tokens that continue an answer, and forces those without a choice.

    Near the most tokens of an answer, it allows only what leaves enough of them to end it: a further object
    is not begun, a free label ends. An answer whose limit is too low for one without objects is cut there.
    """

    def __init__(self, grammar: TokenGrammar, most: int) -> None:
        """Begin an answer that is cut at `most` tokens, its end not counted."""
        self._grammar = grammar
        self._state: State | None = grammar.start
        self._left = most
        self._most = most
        self._has_room = grammar.choices.reserve(grammar.start) <= most
        self._is_short = False

    def allowed(self) -> Any:
        """Return which tokens may come next, as booleans (vocabulary,); None once the grammar is left."""
        if self._state is None:
            return None
        ids, needs = self._grammar.choices.at(self._state)
        if self._has_room:
            fits = needs <= self._left
            self._is_short |= not fits.all()
            ids = ids[fits]
        mask = np.zeros(self._grammar.width, dtype=bool)
        mask[ids] = True
        return mask

    def forced(self) -> Sequence[int]:
        """Return the tokens that must come next, unless too few were left after them."""
        if self._state is None:
            return ()
        ids = self._grammar.forced.after(self._state)
        after: State | None = self._state
        for token_id in ids:
            after = None if after is None else self._grammar.choices.after(after, token_id)
        if after is None or (self._has_room and len(ids) + self._grammar.choices.reserve(after) > self._left):
            return ()
        return ids

    def accept(self, token_id: int) -> Ending | None:
        """Take the answer's next token; with its end, say whether tokens were forbidden for want of room."""
        self._left -= 1
        if self._state is not None:
            self._state = self._grammar.choices.after(self._state, token_id)
        if self._is_short and token_id in self._grammar.end_ids:
            return Ending(self._most - self._left - 1, CLOSED_EARLY)
        return None
