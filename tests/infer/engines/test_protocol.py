"""Requests as chat messages."""

from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.protocol import Exchange, Request, chat_messages

IMAGE = {"type": "image"}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def test_the_picture_has_its_place_in_the_question() -> None:
    asked = Request((Path("a.png"),), "", f"Look: {IMAGE_PLACEHOLDER} Where?")
    assert chat_messages(asked) == [{"role": "user", "content": [text("Look: "), IMAGE, text(" Where?")]}]


def test_a_conversation_has_its_picture_in_the_first_turn() -> None:
    history = (Exchange(f"{IMAGE_PLACEHOLDER}Where?", "Here."), Exchange("Sure?", "Yes."))
    assert chat_messages(Request((Path("a.png"),), "Be brief.", "Why?", history=history)) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [IMAGE, text("Where?")]},
        {"role": "assistant", "content": "Here."},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Why?"},
    ]


def test_pictures_have_their_places_in_all_turns() -> None:
    files = tuple(Path(f"{name}.png") for name in "abc")
    history = (Exchange("<image><image>Same?", "No."), Exchange("Sure?", "Yes."))
    assert chat_messages(Request(files, "", "And <image>?", history=history)) == [
        {"role": "user", "content": [IMAGE, IMAGE, text("Same?")]},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": [text("And "), IMAGE, text("?")]},
    ]


@pytest.mark.parametrize(
    ("pictures", "words"),
    [(0, "<image>?"), (1, "?"), (1, "<image><image>?"), (2, "<image>?"), (3, "<image>")],
)
def test_each_place_stands_for_one_picture(pictures: int, words: str) -> None:
    history = (Exchange("Hi", "Hi."),)
    with pytest.raises(UserError, match=f"<image> .* times for {pictures} pictures: each stands for one"):
        Request((Path("a.png"),) * pictures, "", words, history=history)


@pytest.mark.parametrize("pictures", [0, 2])
def test_one_picture_is_none_of_several(pictures: int) -> None:
    request = Request((Path("a.png"),) * pictures, "", "<image>" * pictures)
    with pytest.raises(UserError, match=f"a question has {pictures} pictures: .* made for one picture"):
        _ = request.picture
    assert Request((Path("a.png"),), "", "<image>").picture == Path("a.png")
