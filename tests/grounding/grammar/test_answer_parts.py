"""The grammar of answers about several pictures."""

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.forms import ANSWER_FORMATS, DUPLICATE, NOTHING_FOUND
from grounding.answers.reader import read_answer
from grounding.boxes import Box
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.symbols import END, spell, text_of
from grounding.samples import Detection
from tests.grounding.grammar.written_answers import (
    HARD_LABELS,
    SIZE,
    nasty_labels,
    objects_in_pictures,
    written,
    written_about,
)

MOST = 12
DOG, CAT = (Detection(label, Box(5, 40, 700, 1000)) for label in ("dog", "cat"))

formats = pytest.mark.parametrize("answer_format", ANSWER_FORMATS)


@cache
def grammar_about(answer_format: str, pictures: int, labels: tuple[str, ...] = ()) -> AnswerGrammar:
    return AnswerGrammar(answer_format, labels, pictures=pictures)


def in_picture(detection: Detection, picture: int) -> Detection:
    return Detection(detection.label, detection.box, picture=picture)


@formats
@pytest.mark.parametrize("pictures", [2, 3, MOST])
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_written_is_accepted_and_read_back(
    answer_format: str, pictures: int, data: st.DataObject
) -> None:
    objects = data.draw(objects_in_pictures(st.sampled_from(HARD_LABELS), pictures))
    text = written_about(answer_format, objects, pictures)
    assert grammar_about(answer_format, pictures).accepts((*spell(text), END))
    reading = read_answer(text, Asked((SIZE,) * pictures))
    assert list(reading.detections) == objects
    assert reading.problems == ()


@formats
@settings(max_examples=60)
@given(objects=objects_in_pictures(nasty_labels, 3))
def test_what_is_accepted_is_read_back(answer_format: str, objects: list[Detection]) -> None:
    text = written_about(answer_format, objects, 3)
    if grammar_about(answer_format, 3).accepts(spell(text)):
        reading = read_answer(text, Asked((SIZE,) * 3))
        assert list(reading.detections) == objects
        assert reading.problems == ()


@formats
def test_other_pictures_and_other_orders_are_not_accepted(answer_format: str) -> None:
    grammar = grammar_about(answer_format, 3)
    good = written_about(answer_format, [in_picture(DOG, 0), in_picture(CAT, 2)], 3)
    assert grammar.accepts(spell(good))
    assert grammar.accepts(spell(NOTHING_FOUND[answer_format]))
    numbers = ("Image 1", "Image 3") if answer_format == "objects" else ('"image": 1', '"image": 3')
    assert all(number in good for number in numbers)
    for change in (
        (numbers[1], numbers[1].replace("3", "4")),  # not there
        (numbers[0], numbers[0].replace("1", "0")),
        (numbers[0], numbers[0].replace("1", "01")),
        (numbers[1], numbers[1].replace("3", "")),
        (numbers[0], numbers[1])
        if answer_format == "objects"
        else (numbers[1], numbers[0].replace("1", "0")),
    ):
        assert not grammar.accepts(spell(good.replace(*change))), change
    assert not grammar.accepts(spell(written(answer_format, [DOG])))  # names no picture
    assert not grammar_about(answer_format, 2).accepts(spell(good))
    backwards = good.replace(numbers[0], "@").replace(numbers[1], numbers[0]).replace("@", numbers[1])
    assert not grammar.accepts(spell(backwards))
    assert AnswerGrammar(answer_format).accepts(spell(written(answer_format, [DOG])))
    assert not AnswerGrammar(answer_format).accepts(spell(good))


@formats
def test_every_number_of_a_picture_can_be_reached(answer_format: str) -> None:
    grammar = grammar_about(answer_format, MOST)
    for picture in range(MOST):
        assert grammar.accepts(spell(written_about(answer_format, [in_picture(DOG, picture)], MOST)))
    assert not grammar.accepts(spell(written_about(answer_format, [in_picture(DOG, MOST)], MOST + 1)))


@formats
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), left=st.integers(90, 260))
def test_every_walk_ends_well_and_in_time(answer_format: str, seed: int, left: int) -> None:
    """Symbols are drawn among all that leave enough room, those of an end last: there is always one."""
    grammar, chance = grammar_about(answer_format, MOST, ("dog", "cat")), random.Random(seed)
    state = grammar.start
    symbols: list[int] = []
    while choices := grammar.choices(state):
        left -= 1
        after = {symbol: grammar.step(state, symbol) for symbol in choices}
        fits = [each for each, then in after.items() if then and grammar.reserve(then) <= left]
        symbols.append(
            chance.choice([each for each in fits if each not in (END, ord("]"), ord("N"))] or fits)
        )
        state = after[symbols[-1]]  # type: ignore[assignment]
    reading = read_answer(text_of(tuple(symbols)), Asked((SIZE,) * MOST))
    assert left >= 0
    assert reading.detections
    assert set(reading.problems) <= {DUPLICATE}


@formats
def test_symbols_without_another_are_forced(answer_format: str) -> None:
    grammar = grammar_about(answer_format, 2, ("dog", "cat"))
    text = written_about(answer_format, [in_picture(DOG, 0), in_picture(CAT, 1)], 2)
    state = grammar.start
    for place, symbol in enumerate((*spell(text), END)):
        forced, _ = grammar.forced(state)
        assert (*spell(text), END)[place : place + len(forced)] == forced
        possible = [each for each in range(END + 1) if grammar.step(state, each) is not None]
        assert sorted(grammar.choices(state) or ()) == possible
        state = grammar.step(state, symbol)  # type: ignore[assignment]
