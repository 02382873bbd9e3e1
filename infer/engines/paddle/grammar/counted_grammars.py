"""The grammars of a run: one for each number of candidates that its questions list."""

from functools import lru_cache

from grounding.errors import UserError
from grounding.grammar.answer_grammar import AnswerGrammar
from infer.engines.paddle.grammar.grammar_guide import TokenGrammar
from infer.engines.paddle.grammar.vocabulary import Vocabulary
from infer.engines.settings import DESCRIBED_CANDIDATES, EngineSettings

KEPT_GRAMMARS = 64


class CountedGrammars:
    """Makes a grammar when the first question with its number of candidates comes, and keeps it."""

    def __init__(self, settings: EngineSettings, vocabulary: Vocabulary) -> None:
        """Take settings with a grammar, and the tokens."""
        self._settings, self._vocabulary = settings, vocabulary
        self._labels = settings.answer_labels()
        self.of = lru_cache(maxsize=KEPT_GRAMMARS)(self._make)

    def _make(self, candidates: int) -> TokenGrammar:
        """Return the grammar of questions that list so many candidates.

        Raises:
            UserError: descriptions are allowed, too, which no such answer has.
        """
        if candidates and self._settings.grammar_descriptions:
            raise UserError(DESCRIBED_CANDIDATES)
        answers = AnswerGrammar(
            self._settings.grammar,
            self._labels,
            descriptions=self._settings.grammar_descriptions,
            candidates=candidates,
        )
        return TokenGrammar(answers, self._vocabulary)
