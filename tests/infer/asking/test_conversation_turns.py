"""Requests for each turn of a training record."""

from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.record.conversation import Record, Turn
from grounding.views.view_mark import Views
from infer.asking.conversation_turns import turn_requests
from infer.engines.protocol import Exchange, Request

TURNS = (
    Turn("user", "<image>Where?"),
    Turn("assistant", "Here."),
    Turn("user", "Sure?"),
    Turn("assistant", "Yes."),
)


def test_each_turn_is_asked_with_those_before_it() -> None:
    requests = turn_requests(Record(("images/1.png",), (Turn("system", "Be brief."), *TURNS)), Path("data"))
    image = Path("data/images/1.png")
    assert requests == [
        Request((image,), "Be brief.", "<image>Where?"),
        Request((image,), "Be brief.", "Sure?", history=(Exchange("<image>Where?", "Here."),)),
    ]
    assert turn_requests(Record(("a.png",), TURNS[:2]), Path())[0].system == ""


@pytest.mark.parametrize("turns", [(), TURNS[:1], TURNS[:3], TURNS[1:], (TURNS[0], TURNS[0])])
def test_other_turns_are_refused(turns: tuple[Turn, ...]) -> None:
    with pytest.raises(ValueError, match="are not questions with one answer each"):
        turn_requests(Record(("a.png",), turns), Path())


def test_each_turn_has_the_pictures_up_to_it() -> None:
    first, second = turn_requests(Record(("a.png", "b.png"), (*TURNS[:2], *TURNS[:2])), Path())
    assert first.images == (Path("a.png"),)
    assert second.images == (Path("a.png"), Path("b.png"))


def test_views_are_shown_and_not_asked_about() -> None:
    views = Views(((0, 0, 500, 500),), "")
    turns = (Turn("user", "<image><image>Where?"), TURNS[1], *TURNS[2:])
    first, second = turn_requests(Record(("a.png", "view.png"), turns, views=views), Path())
    assert len(first.images) == len(second.images) == 2
    assert (first.pictures_asked, second.pictures_asked) == (1, 1)


def test_a_picture_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match="<image> 2 times for 1 pictures"):
        turn_requests(Record(("a.png",), (*TURNS[:2], *TURNS[:2])), Path())
