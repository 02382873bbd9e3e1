import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.forms import ANSWER_FORMATS, CANDIDATE_TWICE, DUPLICATE, NOTHING_FOUND
from grounding.answers.reader import read_answer
from grounding.answers.writer import CandidateUse
from grounding.boxes import Box
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.symbols import END, spell, text_of
from grounding.samples import Detection
from tests.grounding.grammar.written_answers import (
    HARD_LABELS,
    SIZE,
    nasty_labels,
    objects_named,
    plain_labels,
    reads_back,
    written,
)

CATEGORIES = ("dog", "dog house", "traffic light", "traffic cone", "红圆", "红方", 'a "b" \\ c')
BOX = Box(5, 40, 700, 1000)

formats = pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
both_labels = pytest.mark.parametrize("labels", [(), CATEGORIES], ids=["free", "listed"])


@cache
def grammar_of(answer_format: str, labels: tuple[str, ...] = (), candidates: int = 0) -> AnswerGrammar:
    return AnswerGrammar(answer_format, labels, candidates=candidates)


NUMBERED = Asked((SIZE,), tuple(Box(n, n, n + 9, n + 9) for n in range(12)))


@formats
@given(objects=objects_named(plain_labels | st.sampled_from(HARD_LABELS)))
def test_what_is_written_is_accepted_and_read_back(answer_format: str, objects: list[Detection]) -> None:
    text = written(answer_format, objects)
    assert grammar_of(answer_format).accepts(spell(text))
    assert grammar_of(answer_format).accepts((*spell(text), END))
    assert reads_back(text, objects)


@formats
@given(objects=objects_named(nasty_labels))
def test_what_is_accepted_is_read_back(answer_format: str, objects: list[Detection]) -> None:
    text = written(answer_format, objects)
    if grammar_of(answer_format).accepts(spell(text)):
        assert reads_back(text, objects)


@formats
@pytest.mark.parametrize("label", HARD_LABELS)
def test_hard_labels_are_accepted(answer_format: str, label: str) -> None:
    text = written(answer_format, [Detection(label, BOX)])
    assert grammar_of(answer_format).accepts(spell(text))
    assert reads_back(text, [Detection(label, BOX)])


@formats
@pytest.mark.parametrize("label", ["", " dog", "dog ", "two\nlines", "<box>", "a <p", "x|>y", "◁/think▷"])
def test_labels_that_would_be_read_otherwise_are_not_accepted(answer_format: str, label: str) -> None:
    assert not grammar_of(answer_format).accepts(spell(written(answer_format, [Detection(label, BOX)])))


@formats
def test_only_categories_of_a_list_are_accepted(answer_format: str) -> None:
    grammar = grammar_of(answer_format, CATEGORIES)
    for label in CATEGORIES:
        assert grammar.accepts(spell(written(answer_format, [Detection(label, BOX)] * 2)))
    for label in ("do", "dogs", "cat", "traffic", "红"):
        assert not grammar.accepts(spell(written(answer_format, [Detection(label, BOX)])))
    assert grammar.accepts(spell(NOTHING_FOUND[answer_format]))


BAD_BOXES = [(5, 40, 5, 1000), (700, 40, 5, 1000), (5, 1000, 700, 40), (5, 40, 700, 1001), (1000, 0, 1000, 1)]


@formats
@pytest.mark.parametrize("box", BAD_BOXES)
def test_boxes_without_an_area_or_outside_the_grid_are_not_accepted(
    answer_format: str, box: tuple[int, int, int, int]
) -> None:
    text = written(answer_format, [Detection("dog", Box(*map(float, box)))])
    assert not grammar_of(answer_format).accepts(spell(text))


@formats
def test_other_texts_are_not_accepted(answer_format: str) -> None:
    grammar = grammar_of(answer_format)
    good = written(answer_format, [Detection("dog", BOX), Detection("cat", BOX)])
    assert grammar.accepts(spell(good))
    for change in (("5", "05"), ("5", "5.0"), (", ", ","), (", ", ",  "), ("5", "-5"), ("5", "")):
        assert not grammar.accepts(spell(good.replace(*change, 1))), change
    assert not grammar.accepts(spell(good + " "))
    assert not grammar.accepts((*spell(good), END, END))
    other = next(each for each in ANSWER_FORMATS if each != answer_format)
    assert not grammar.accepts(spell(written(other, [Detection("dog", BOX)])))


@formats
@both_labels
def test_only_numbers_of_candidates_are_accepted(answer_format: str, labels: tuple[str, ...]) -> None:
    objects = [Detection("dog", BOX), Detection("traffic cone", BOX), Detection("dog", BOX)]
    for number, is_there in ((1, True), (9, True), (12, True), (13, False), (100, False), (0, False)):
        uses = (CandidateUse(number), None, CandidateUse(2, is_corrected=True))
        text = written(answer_format, objects, uses)
        assert grammar_of(answer_format, labels, 12).accepts(spell(text)) == is_there
        assert not grammar_of(answer_format, labels).accepts(spell(text))
    assert grammar_of(answer_format, labels, 12).accepts(spell(written(answer_format, objects)))
    assert grammar_of(answer_format, labels, 12).accepts(spell(NOTHING_FOUND[answer_format]))


@formats
@both_labels
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), left=st.integers(80, 300), candidates=st.sampled_from([0, 1, 9, 12]))
def test_every_walk_ends_well_and_in_time(
    answer_format: str, labels: tuple[str, ...], seed: int, left: int, candidates: int
) -> None:
    """Symbols are drawn among all that leave enough room, those of an end last: there is always one."""
    grammar, chance = grammar_of(answer_format, labels, candidates), random.Random(seed)
    asked = Asked((SIZE,), NUMBERED.candidates[:candidates])
    state = grammar.start
    symbols: list[int] = []
    assert grammar.reserve(state) <= left
    while grammar.choices(state) != ():
        choices = grammar.choices(state) or random_symbols(chance)
        after = {symbol: grammar.step(state, symbol) for symbol in choices}
        left -= 1
        fits = [each for each, then in after.items() if then is not None and grammar.reserve(then) <= left]
        if not fits:  # of a free label, only some symbols were drawn
            after = {symbol: grammar.step(state, symbol) for symbol in range(END + 1)}
            fits = [each for each, then in after.items() if then and grammar.reserve(then) <= left]
        closing = (END, ord("]"), ord("N"))
        symbols.append(chance.choice([each for each in fits if each not in closing] or fits))
        state = after[symbols[-1]]  # type: ignore[assignment]
    text = text_of(tuple(symbols))
    assert text.encode() == b"".join(
        text_of((each,)).encode() if each >= 256 else bytes([each]) for each in symbols
    )
    reading = read_answer(text, asked)
    assert set(reading.problems) <= {DUPLICATE, *([CANDIDATE_TWICE] if candidates else [])}
    assert reading.detections
    assert left >= 0
    if labels:
        assert {found.label for found in reading.detections} <= set(labels)


def random_symbols(chance: random.Random) -> list[int]:
    return [chance.randrange(END + 1) for _ in range(20)] + [chance.choice(b'abc "\\<([{')]


@formats
@both_labels
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), candidates=st.sampled_from([0, 12]))
def test_forced_symbols_are_those_without_another(
    answer_format: str, labels: tuple[str, ...], seed: int, candidates: int
) -> None:
    grammar, chance = grammar_of(answer_format, labels, candidates), random.Random(seed)
    objects = [Detection(chance.choice(CATEGORIES), Box(chance.randrange(999), 0, 1000, 7)) for _ in range(3)]
    uses = (CandidateUse(12), CandidateUse(1, is_corrected=True), None) if candidates else ()
    symbols = (*spell(written(answer_format, objects, uses)), END)
    state = grammar.start
    for place, symbol in enumerate(symbols):
        forced, end = grammar.forced(state)
        assert symbols[place : place + len(forced)] == forced
        assert grammar.forced(end)[0] == ()
        possible = [each for each in range(END + 1) if grammar.step(state, each) is not None]
        assert bool(forced) == (len(possible) == 1 and grammar.choices(state) is not None)
        if (choices := grammar.choices(state)) is not None:
            assert sorted(choices) == possible
        assert symbol in possible
        state = grammar.step(state, symbol)  # type: ignore[assignment]


def test_a_like_state_allows_all_that_the_state_does() -> None:
    grammar = grammar_of("objects")
    text = written("objects", [Detection("dog", BOX)])
    state = grammar.start
    for symbol in spell(text):
        like = grammar.like(state)
        for other in range(END + 1):
            if grammar.step(state, other) is not None:
                assert grammar.step(like, other) is not None
        state = grammar.step(state, symbol)  # type: ignore[assignment]


def test_the_reserve_counts_what_an_answer_can_still_take() -> None:
    listed = grammar_of("objects", ("cat", "zebra"))
    after = listed.start
    for symbol in spell("<|object_ref_start|>"):
        after = listed.step(after, symbol)  # type: ignore[assignment]
    longest = spell("zebra<|object_ref_end|><|box_start|>(998,998),(1000,1000)<|box_end|>")
    assert listed.reserve(after) == len(longest) + 1
    # Fixed symbols that are one token count once.
    cheap = listed.reserve(after, lambda symbols: min(1, len(symbols)))
    assert cheap == len("zebra") + 1 + 3 + 1 + 3 + 1 + 4 + 1 + 4 + 1 + 1
