from typing import Any

import pytest

from prepare.sources.parts.object_texts import attribute_words, describe_attributes, stated_texts


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, ()),
        ("", ()),
        ([], ()),
        ("a cat", ("a cat",)),
        (" ", (" ",)),
        (["a cat", "", None, "asleep"], ("a cat", "asleep")),
        (3, ("",)),
        (False, ("",)),
        ({"en": "a cat"}, ("",)),
        (["a cat", 3, ["b"]], ("a cat", "", "")),
    ],
)
def test_texts_are_returned_as_they_are_stated(value: Any, texts: tuple[str, ...]) -> None:
    assert stated_texts(value) == texts


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ()),
        ("red", ()),
        (7, ()),
        ({}, ()),
        ({"parked": True, "occluded": False, "truncated": None}, ("parked",)),
        ({"color": "red", "kind": "", "seats": 4, "rotation": 0.0}, ("color: red",)),
        ({"color": ["red", "", "blue", 3], "parts": []}, ("color: red, blue",)),
        ({"color": {"main": "red"}}, ()),
        ({3: "red"}, ("3: red",)),
        (["red", " ", 3, "parked"], ("red", "parked")),
    ],
)
def test_attributes_become_words(value: Any, words: tuple[str, ...]) -> None:
    assert attribute_words(value) == words


def test_an_object_is_named_with_its_attributes() -> None:
    assert describe_attributes("car", ("color: red", "parked")) == ("car, color: red, parked",)
    assert describe_attributes(None, ("parked",)) == ("parked",)
    assert describe_attributes("car", ()) == ()
