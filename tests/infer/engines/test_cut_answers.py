"""Answers that are cut: text, tokens and probabilities stay those of one answer."""

import pytest

from grounding.answers.forms import REPEATED
from infer.engines.cut_answers import cut_at, without_repeats
from infer.engines.protocol import RawAnswer, Token

ONE = "狗(1,2),(3,4)"
TEXTS = ("", "", "狗", "(1,2),", "(3,4)", ", ", "", "", "狗(1", ",2),(3,4)")
TOKENS = tuple(
    Token(text, -0.1 * place, not text, ((text, -0.2),) if text else ()) for place, text in enumerate(TEXTS)
)
TWICE = RawAnswer("".join(TEXTS), True, TOKENS, in_thought=False, prompt_tokens=7)


@pytest.mark.parametrize("place", range(len(TWICE.text) + 1))
def test_the_tokens_are_the_text_wherever_it_is_cut(place: int) -> None:
    cut = cut_at(TWICE, place)
    assert cut.text == TWICE.text[:place]
    assert "".join(token.text for token in cut.tokens) == cut.text
    assert [token.logprob for token in cut.tokens] == [token.logprob for token in TOKENS][: len(cut.tokens)]
    assert not cut.tokens or not cut.tokens[-1].is_unfinished
    assert (cut.is_cut, cut.prompt_tokens, cut.in_thought) == (False, 7, False)


def test_a_whole_answer_is_cut_before_its_repeat() -> None:
    cut = without_repeats(TWICE, thinks=False)
    assert (cut.text, cut.stopped, cut.is_cut) == (ONE, REPEATED, False)
    assert cut.tokens == TOKENS[:5]
    bare = without_repeats(RawAnswer(TWICE.text, True), thinks=False)
    assert (bare.text, bare.stopped, bare.tokens) == (ONE, REPEATED, ())


def test_an_answer_without_a_repeat_stays_as_it_is() -> None:
    for answer in (
        RawAnswer(ONE, True),
        RawAnswer("", False),
        RawAnswer(TWICE.text, True, problem="refusal"),
    ):
        assert without_repeats(answer, thinks=False) is answer


def test_the_engine_knows_better_whether_a_text_begins_in_a_thought() -> None:
    text = f"{TWICE.text}</think>{ONE}"
    assert without_repeats(RawAnswer(text, False), thinks=True).stopped is None
    thought = RawAnswer(TWICE.text, True)
    assert without_repeats(thought, thinks=True) is thought
    assert without_repeats(RawAnswer(TWICE.text, True, in_thought=False), thinks=True).text == ONE
