from typing import Any

import pytest

from prepare.sources.parts.named_values import agreed_values, named_values, only_choice


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ({"color": " red ", "occluded": True, "seats": 4, "parts": ["a"], "kind": " "}, {"color": "red"}),
        ({" color": "red"}, {"color": "red"}),
        ({}, {}),
        (["red"], {}),
        (None, {}),
    ],
)
def test_texts_with_a_name_are_values(value: Any, values: Any) -> None:
    assert named_values(value) == values


def test_what_two_say_differently_is_not_agreed() -> None:
    red, blue, small = {"color": "red"}, {"color": "blue"}, {"size": "small"}
    assert agreed_values() == {}
    assert agreed_values(red, small, red) == red | small
    assert agreed_values(red | small, blue) == small


@pytest.mark.parametrize(
    ("chosen", "choice"),
    [(["red"], "red"), (["red", "blue"], None), ([], None), ([3], None), ("red", None), (None, None)],
)
def test_one_choice_is_an_attribute(chosen: Any, choice: str | None) -> None:
    assert only_choice(chosen) == choice
