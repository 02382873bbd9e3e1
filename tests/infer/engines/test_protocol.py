"""Requests as chat messages."""

from pathlib import Path

import pytest

from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.protocol import Exchange, Request, chat_messages

IMAGE = {"type": "image"}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def test_the_picture_has_its_place_in_the_question() -> None:
    asked = Request(Path("a.png"), "", f"Look: {IMAGE_PLACEHOLDER} Where?")
    assert chat_messages(asked) == [{"role": "user", "content": [text("Look: "), IMAGE, text(" Where?")]}]


def test_a_conversation_has_its_picture_in_the_first_turn() -> None:
    history = (Exchange(f"{IMAGE_PLACEHOLDER}Where?", "Here."), Exchange("Sure?", "Yes."))
    assert chat_messages(Request(Path("a.png"), "Be brief.", "Why?", history=history)) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [IMAGE, text("Where?")]},
        {"role": "assistant", "content": "Here."},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Why?"},
    ]


@pytest.mark.parametrize(
    "later", [("And?", f"{IMAGE_PLACEHOLDER}And?"), (f"{IMAGE_PLACEHOLDER}And?", "And?")]
)
def test_a_picture_in_a_later_turn_is_refused(later: tuple[str, str]) -> None:
    history = (Exchange(f"{IMAGE_PLACEHOLDER}Where?", "Here."), Exchange(later[0], "No."))
    with pytest.raises(ValueError, match="the first question of a conversation alone"):
        Request(Path("a.png"), "", later[1], history=history)
