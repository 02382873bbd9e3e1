"""The state of a conversation: clicks and what undoes them, turns, and bounds."""

from dataclasses import replace

import numpy as np
import pytest

from grounding.boxes import Box
from infer.engines.protocol import Exchange
from infer.engines.segment.segmenter import Click
from visualize.app.talk.talk_state import (
    LONGEST_ANSWER,
    MOST_CLICKS,
    MOST_EXCHANGES,
    MOST_UNDONE,
    Talk,
    first_question,
)
from visualize.app.texts import AppError

ON, OFF = Click(3, 4), Click(9, 9, is_positive=False)


def mask(x: int = 2) -> np.ndarray:
    found = np.zeros((10, 20), dtype=np.bool_)
    found[1:5, x : x + 4] = True
    return found


def clicked(talk: Talk, click: Click = ON, x: int = 2, *, is_new: bool = False) -> Talk:
    return talk.clicked(talk.clicks_with(click, is_new=is_new), mask(x))


def test_a_click_begins_a_conversation_about_its_mask() -> None:
    talk = clicked(Talk("a.png"))
    assert (talk.clicks, talk.box, talk.exchanges) == ((ON,), Box(2, 1, 6, 5), ())
    more = clicked(talk.answered(first_question("What?"), "A cat."), OFF, 3)
    assert (more.clicks, more.box, more.exchanges) == ((ON, OFF), Box(3, 1, 7, 5), ())
    other = clicked(more, Click(1, 1), 9, is_new=True)
    assert (other.clicks, other.box) == ((Click(1, 1),), Box(9, 1, 13, 5))


def test_an_undone_click_brings_back_mask_and_turns() -> None:
    talk = Talk("a.png")
    states = [talk]
    for number, (click, is_new) in enumerate([(ON, False), (OFF, False), (ON, True)]):
        talk = clicked(talk, click, number, is_new=is_new).answered(
            first_question("What?"), f"Thing {number}."
        )
        states.append(talk)
    for expected in states[-2::-1]:
        talk = talk.undone()
        assert talk == expected
    assert talk.undone() == Talk("a.png")


def test_an_undone_click_changes_nothing_else() -> None:
    first = clicked(Talk("a.png")).answered(first_question("What?"), "A cat.")
    second = clicked(first, OFF, 3)
    assert second.undone() is not second
    assert second.undone() == first
    assert second.box == Box(3, 1, 7, 5)


def test_turns_are_kept_in_their_order_without_what_stands_for_a_picture() -> None:
    talk = clicked(Talk("a.png")).answered(first_question("What?"), "A <image>cat<|image_pad|>.")
    assert talk.exchanges == (Exchange("<image>What?", "A  cat ."),)
    talk = talk.answered("Where?", "Here." * 10_000)
    assert [exchange.question for exchange in talk.exchanges] == ["<image>What?", "Where?"]
    assert len(talk.exchanges[1].answer) == LONGEST_ANSWER
    assert talk.description == "A  cat ."


def test_everything_has_a_bound() -> None:
    talk = clicked(Talk("a.png"))
    for _ in range(MOST_CLICKS - 1):
        talk = clicked(talk)
    with pytest.raises(AppError) as caught:
        clicked(talk)
    assert caught.value.key == "many_clicks"
    for _ in range(2 * MOST_CLICKS):
        talk = clicked(talk, is_new=True)
    depth, state = 0, talk
    while state.before is not None:
        depth, state = depth + 1, state.before
    assert depth == MOST_UNDONE
    for number in range(MOST_EXCHANGES):
        talk = talk.answered("Why?", str(number))
    with pytest.raises(AppError) as caught:
        talk.answered("Why?", "No.")
    assert caught.value.key == "many_turns"


@pytest.mark.parametrize(
    ("act", "key"),
    [
        (lambda: clicked(Talk("a.png"), OFF), "negative_click"),
        (lambda: clicked(clicked(Talk("a.png")), OFF, is_new=True), "negative_click"),
        (lambda: Talk("a.png").clicked((ON,), np.zeros((3, 4), dtype=np.bool_)), "no_mask"),
        (lambda: Talk("a.png").answered("Why?", "No."), "nothing_clicked"),
    ],
)
def test_what_cannot_be_done_is_said(act, key: str) -> None:
    with pytest.raises(AppError) as caught:
        act()
    assert caught.value.key == key


def test_states_of_other_pictures_do_not_meet() -> None:
    first, second = clicked(Talk("a.png")), clicked(Talk("b.png"), x=5)
    assert replace(first, picture="b.png") != second
    assert first.undone().picture == "a.png"
