import random

import pytest

from grounding.answers.forms import ANSWER_FORMATS
from grounding.boxes import Box
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.symbols import spell
from grounding.samples import Detection
from infer.engines.paddle.grammar.token_choices import TokenChoices
from infer.engines.paddle.grammar.vocabulary import Vocabulary
from tests.grounding.grammar.written_answers import written

CATEGORIES = ("dog", "dog house", "红圆", "红方", 'a "b"')


@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
@pytest.mark.parametrize("labels", [(), CATEGORIES], ids=["free", "listed"])
def test_choices_are_the_tokens_that_the_grammar_accepts(
    answer_format: str, labels: tuple[str, ...], vocabulary: Vocabulary
) -> None:
    check_choices(AnswerGrammar(answer_format, labels), vocabulary, answer_format, None)


@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
def test_descriptions_are_chosen_token_by_token(answer_format: str, tiny_vocabulary: Vocabulary) -> None:
    grammar = AnswerGrammar(answer_format, CATEGORIES, descriptions=True)
    check_choices(grammar, tiny_vocabulary, answer_format, 'a "<b>" 红\n')


def check_choices(
    grammar: AnswerGrammar, vocabulary: Vocabulary, answer_format: str, description: str | None
) -> None:
    choices = TokenChoices(grammar, vocabulary)
    chance = random.Random(0)
    every = range(vocabulary.width)
    text = written(
        answer_format,
        [
            Detection("红圆", Box(5, 40, 70, 1000), description=description),
            Detection('a "b"', Box(0, 0, 1000, 9)),
        ],
    )
    state = grammar.start
    for place, symbol in enumerate(spell(text)):
        ids, needs = choices.at(state)
        found = dict(zip(ids.tolist(), needs.tolist(), strict=True))
        assert len(found) == len(ids) > 0
        tried = (
            every
            if vocabulary.width < 9999
            else [*chance.sample(every, 300), *chance.choices(list(found), k=300)]
        )
        for token_id in tried if place % 3 == 0 or place < 30 else found if len(found) < 99 else []:
            after = choices.after(state, token_id)
            assert (after is not None) == (token_id in found), vocabulary.spelled[token_id]
            if after is not None:
                assert found[token_id] == 1 + grammar.reserve(after, vocabulary.fewest_tokens)
        state = grammar.step(state, symbol)  # type: ignore[assignment]


def test_a_token_of_the_padded_vocabulary_is_none(tiny_vocabulary: Vocabulary) -> None:
    grammar = AnswerGrammar("objects")
    assert TokenChoices(grammar, tiny_vocabulary).after(grammar.start, tiny_vocabulary.width + 5) is None
