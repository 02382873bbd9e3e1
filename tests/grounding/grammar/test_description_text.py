"""Descriptions in the grammar: with each object or without, in both formats, on both sides."""

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.answers.forms import ANSWER_FORMATS
from grounding.answers.reader import read_answer
from grounding.boxes import Box
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.description_text import DescriptionText
from grounding.grammar.server_forms import grammar_ebnf, grammar_schema, request_fields
from grounding.grammar.symbols import END, spell, text_of
from grounding.samples import Detection
from tests.grounding.grammar.label_walks import ends_after, state_after
from tests.grounding.grammar.test_server_forms import acceptor
from tests.grounding.grammar.written_answers import (
    SIZE,
    described_objects,
    description_texts,
    plain_labels,
    reads_back,
    written,
)

formats = pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
LABELS = ("dog", "dog house")
BOX = Box(5, 40, 700, 1000)


@cache
def grammar_of(answer_format: str, labels: tuple[str, ...] = ()) -> AnswerGrammar:
    return AnswerGrammar(answer_format, labels, descriptions=True)


@formats
@given(detections=described_objects(plain_labels))
def test_what_is_written_is_accepted_and_read_back(answer_format: str, detections: list[Detection]) -> None:
    text = written(answer_format, detections)
    assert grammar_of(answer_format).accepts((*spell(text), END))
    assert reads_back(text, detections)
    has_any = any(item.description for item in detections)
    assert AnswerGrammar(answer_format).accepts(spell(text)) != has_any


@formats
@given(detections=described_objects(st.sampled_from(LABELS)), data=st.data())
def test_each_step_of_a_written_answer_is_a_choice(
    answer_format: str, detections: list[Detection], data: st.DataObject
) -> None:
    grammar = grammar_of(answer_format, LABELS)
    state = grammar.start
    left = grammar.reserve(state)
    for symbol in (*spell(written(answer_format, detections)), END):
        choices = grammar.choices(state)
        assert choices is None or symbol in choices
        after = grammar.step(state, symbol)
        assert after is not None
        state = after
        left = grammar.reserve(state)
    assert left == 0


@given(
    text=description_texts,
    change=st.tuples(st.integers(0, 40), st.sampled_from(['"', "<", "\\", "\n", "\\ud800", "x"])),
)
def test_what_is_accepted_is_read_back(text: str, change: tuple[int, str]) -> None:
    whole = written("objects", [Detection("dog", BOX, description=text)])
    place = whole.index(': "') + 3 + change[0]
    changed = whole[:place] + change[1] + whole[place:] if place < len(whole) else whole
    if grammar_of("objects").accepts(spell(changed)):
        reading = read_answer(changed, SIZE)
        assert reading.problems == ()
        assert written("objects", reading.detections).encode()  # what is read can be written again
        again = read_answer(written("objects", reading.detections), SIZE)
        assert again == reading


@pytest.mark.parametrize("spelled", ["", '"', "\\", "\\x", "\\u12", "\\ud83d", "<b", "a\n", "＜", "＼", "◁"])
def test_what_is_no_description(spelled: str) -> None:
    assert not ends_after(DescriptionText(), spelled.encode())


@pytest.mark.parametrize(
    "spelled", ["a", " ", "\\n", "\\u003c", '\\"', "\\\\", "中", "😀", "(1,2)", "a|b", "”", "\\uff1C"]
)
def test_what_is_a_description(spelled: str) -> None:
    assert ends_after(DescriptionText(), spelled.encode())


@pytest.mark.parametrize(("spelled", "needs"), [("", 1), ("a", 0), ("\\", 1), ("\\u", 4), ("\\u00", 2)])
def test_the_room_that_a_description_needs(spelled: str, needs: int) -> None:
    rule = DescriptionText()
    assert rule.reserve(state_after(rule, spelled.encode())) == needs
    assert rule.reserve(rule.step(rule.start, "中".encode()[0])) == 2


@formats
def test_an_answer_ends_within_its_room(answer_format: str) -> None:
    """From every state of an answer, the first choices lead to its end in as many bytes as are reserved."""
    grammar = grammar_of(answer_format, LABELS)
    text = written(answer_format, [Detection("dog", BOX, description='a "<b>" 中')])
    state = grammar.start
    for symbol in spell(text):
        after = grammar.step(state, symbol)
        assert after is not None
        assert grammar.reserve(state) <= 1 + max(grammar.reserve(after), 64)
        state = after
    assert text_of(grammar.forced(state)[0]) in ("", "]")


@cache
def described_ebnf(answer_format: str) -> Callable[[str], bool]:
    return acceptor(grammar_ebnf(answer_format, LABELS, descriptions=True))


@formats
@settings(max_examples=40)
@given(
    descriptions=st.lists(st.none() | description_texts, max_size=3),
    change=st.none() | st.tuples(st.integers(60, 140), st.sampled_from(["", '"', "<", "\\", "x", "\n"])),
)
def test_the_ebnf_accepts_what_the_grammar_does(
    answer_format: str, descriptions: list[str | None], change: tuple[int, str] | None
) -> None:
    found = [Detection("dog", Box(n, 1, 1000, 1000), description=text) for n, text in enumerate(descriptions)]
    text = written(answer_format, found)
    if change is not None and change[0] < len(text) and not text[change[0]].isdigit():
        text = text[: change[0]] + change[1] + text[change[0] + 1 :]
    assert described_ebnf(answer_format)(text) == grammar_of(answer_format, LABELS).accepts(spell(text))


def test_the_schema_has_a_description_that_may_be_left_out() -> None:
    items = grammar_schema(LABELS, descriptions=True)["items"]
    assert list(items["properties"]) == ["bbox_2d", "label", "description"]
    assert items["required"] == ["bbox_2d", "label"]
    fields = request_fields("response_format", "json", LABELS, descriptions=True)
    assert fields["response_format"]["json_schema"]["strict"] is False
