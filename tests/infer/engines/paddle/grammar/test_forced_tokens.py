from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.answers.forms import ANSWER_FORMATS
from grounding.boxes import Box
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.symbols import END, spell
from grounding.samples import Detection
from infer.engines.paddle.grammar.forced_tokens import ForcedTokens
from infer.engines.paddle.grammar.token_choices import TokenChoices
from infer.engines.paddle.grammar.vocabulary import Vocabulary
from tests.grounding.grammar.written_answers import HARD_LABELS, objects_named, plain_labels, written

CATEGORIES = (
    "dog",
    "dog house",
    "traffic light",
    "traffic cone",
    "person",
    "persons",
    "红圆形",
    "红方形",
    '"',
    '"a"',
)

formats = pytest.mark.parametrize("answer_format", ANSWER_FORMATS)


@cache
def tools(
    answer_format: str, labels: tuple[str, ...], vocabulary: Vocabulary
) -> tuple[TokenChoices, ForcedTokens]:
    grammar = AnswerGrammar(answer_format, labels)
    return TokenChoices(grammar, vocabulary), ForcedTokens(grammar, vocabulary)


def check(
    answer_format: str, labels: tuple[str, ...], objects: list[Detection], vocabulary: Vocabulary
) -> int:
    """Check that what is forced after each token of an answer is what follows; return the forced tokens."""
    choices, forced = tools(answer_format, labels, vocabulary)
    ids = vocabulary.segment((*spell(written(answer_format, objects)), END))
    state, count, last = choices.grammar.start, 0, 0
    for place, token_id in enumerate(ids):
        after = choices.after(state, token_id)
        assert after is not None, vocabulary.spelled[token_id]
        state = after
        following = forced.after(state)
        assert list(following) == ids[place + 1 : place + 1 + len(following)]
        count += max(0, place + 1 + len(following) - max(last, place + 1))
        last = max(last, place + 1 + len(following))
    return count


@formats
@settings(max_examples=30)
@given(objects=objects_named(plain_labels | st.sampled_from(HARD_LABELS)))
def test_forced_tokens_are_those_of_the_tokenizer(
    answer_format: str, objects: list[Detection], vocabulary: Vocabulary
) -> None:
    check(answer_format, (), objects, vocabulary)


@formats
@settings(max_examples=30)
@given(objects=objects_named(st.sampled_from(CATEGORIES)))
def test_forced_tokens_of_listed_labels(
    answer_format: str, objects: list[Detection], vocabulary: Vocabulary
) -> None:
    check(answer_format, CATEGORIES, objects, vocabulary)


@formats
def test_most_tokens_between_numbers_are_forced(answer_format: str, vocabulary: Vocabulary) -> None:
    one = Detection("dog", Box(330, 221, 694, 997))
    forced = check(answer_format, (), [one] * 10, vocabulary)
    ids = vocabulary.segment((*spell(written(answer_format, [one] * 10)), END))
    assert len(ids) - forced <= 0.65 * len(ids)


def test_a_token_that_could_reach_beyond_forced_text_is_not_forced(vocabulary: Vocabulary) -> None:
    choices, forced = tools("json", ("dog", "donut"), vocabulary)
    state = choices.grammar.start
    for symbol in spell('[{"bbox_2d": [1, 2, 300, 400'):
        state = choices.grammar.step(state, symbol)  # type: ignore[assignment]
    # ` "do` must come next, but the tokenizer's tokens for it depend on what follows.
    assert choices.grammar.forced(state)[0] == spell('], "label": "do')
    shown = b"".join(bytes(vocabulary.spelled[token_id]) for token_id in forced.after(state))
    assert b'], "label": "'.startswith(shown)
    assert shown.startswith(b'], "label')
