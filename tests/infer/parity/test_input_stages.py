"""The stages before the model: the first that differs is named, with what the user can do."""

import re
from typing import Any

import numpy as np
import pytest

from infer.parity.input_stages import first_input_difference
from tests.infer.parity.made_answers import ANSWER, comparison, with_inputs


def test_equal_inputs_have_no_difference() -> None:
    assert first_input_difference(comparison(ANSWER, ANSWER)) is None
    rounded = with_inputs(pixels=np.full((4, 6), 0.001))
    assert first_input_difference(comparison(rounded, rounded)) is None


LARGE = np.full((4, 6), 0.1)


@pytest.mark.parametrize(
    ("changes", "stage", "message"),
    [
        (
            {"token_ids": (1, 5, 3)},
            "template",
            "from token 1 on the prompt goes on '2 3' here and '5 3' there:",
        ),
        (
            {"token_ids": (1, 2, 3, 9)},
            "template",
            "from token 3 .* '' here and '<think>' there .a think block",
        ),
        ({"grids": ((4, 2),), "pixels": np.zeros((8, 6))}, "image size", "2x2 patches here and 2x4 there"),
        ({"pixels": LARGE}, "pixels", "12.8 of 255 levels .*mean and deviation"),
        ({"pixels": np.zeros((4, 3))}, "pixels", "by up to inf"),
        ({"pixels": np.full((4, 6), np.nan)}, "pixels", "2 of 2 pictures differ"),
        ({"positions": np.array([[0, 1, 1, 0, 0, 0]] * 3)}, "positions", "from token 1 on"),
        ({"positions": np.zeros((3, 5))}, "positions", "tokens have other positions: give"),
        ({"token_ids": (1,), "grids": ((1, 1),), "pixels": LARGE}, "template", ""),  # the first is named
    ],
)
def test_the_first_stage_is_named(changes: dict[str, Any], stage: str, message: str) -> None:
    other = with_inputs(**changes)
    found = first_input_difference(comparison(other, other, resample=2))
    assert found is not None
    assert found.stage == stage
    assert re.search(message, found.detail), found.detail


def test_a_filter_of_the_resize_shows_in_resized_pictures_only() -> None:
    found = first_input_difference(comparison(ANSWER, with_inputs(pixels=LARGE), resample=2))
    assert found is not None
    assert "1 of 2 pictures differ" in found.detail
    assert "(resample 3 here, 2 there), only pictures that are resized" in found.detail
