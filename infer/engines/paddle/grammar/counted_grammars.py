"""The grammars of a run: one for each number of candidates, and of pictures, that its questions have."""

from functools import lru_cache

from grounding.grammar.answer_grammar import AnswerGrammar
from infer.engines.paddle.grammar.grammar_guide import TokenGrammar
from infer.engines.paddle.grammar.vocabulary import Vocabulary
from infer.engines.settings import EngineSettings, check_candidates

KEPT_GRAMMARS = 64


class CountedGrammars:
    """Makes a grammar when the first question with its numbers comes, and keeps it."""

    def __init__(self, settings: EngineSettings, vocabulary: Vocabulary) -> None:
        """Take settings with a grammar, and the tokens."""
        self._settings, self._vocabulary = settings, vocabulary
        self._labels = settings.answer_labels()
        self.of = lru_cache(maxsize=KEPT_GRAMMARS)(self._make)

    def _make(self, candidates: int, pictures: int = 1) -> TokenGrammar:
        """Return the grammar of questions that list so many candidates, or ask about so many pictures.

        Raises:
            UserError: candidates, and descriptions or several pictures, which no such answer has.
        """
        check_candidates(candidates, pictures, has_descriptions=self._settings.grammar_descriptions)
        answers = AnswerGrammar(
            self._settings.grammar,
            self._labels,
            descriptions=self._settings.grammar_descriptions,
            pictures=pictures,
            candidates=candidates,
        )
        return TokenGrammar(answers, self._vocabulary)
