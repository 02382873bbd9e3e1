from typing import Any

import pytest

from train.keys import known_keys
from train.objectives.coordinates.coordinate_settings import (
    DEFAULT_TAU,
    TAU_KEY,
    WEIGHT_KEY,
    CoordinateSettings,
    read_coordinates,
    usable_coordinates,
)


def test_it_is_off_without_the_key_and_with_a_weight_of_zero() -> None:
    for recipe in ({}, {WEIGHT_KEY: 0.0}, {WEIGHT_KEY: 0, TAU_KEY: 8}, {TAU_KEY: 8.0}):
        assert read_coordinates(recipe) is None
    assert known_keys()[WEIGHT_KEY].default == 0


def test_the_keys_are_read() -> None:
    assert read_coordinates({WEIGHT_KEY: 0.1}) == CoordinateSettings(0.1, DEFAULT_TAU)
    assert read_coordinates({WEIGHT_KEY: 2, TAU_KEY: 8}) == CoordinateSettings(2.0, 8.0)


@pytest.mark.parametrize(
    "recipe",
    [
        {WEIGHT_KEY: -0.1},
        {WEIGHT_KEY: "0.1"},
        {WEIGHT_KEY: True},
        {WEIGHT_KEY: None},
        {WEIGHT_KEY: float("nan")},
        {WEIGHT_KEY: 0.1, TAU_KEY: 0},
        {WEIGHT_KEY: 0.1, TAU_KEY: float("inf")},
    ],
)
def test_wrong_values_are_refused_by_name(recipe: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^grounding_coordinate_"):
        read_coordinates(recipe)
    assert usable_coordinates(recipe) is None
