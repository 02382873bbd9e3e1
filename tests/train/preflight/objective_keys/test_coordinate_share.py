"""What `python -m train.check` says about the digits that a run spreads by distance."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from train.preflight.all_checks import check_recipe


def test_the_share_of_digits_is_told(
    make_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        check_recipe(make_recipe(grounding_coordinate_loss=0.1, grounding_coordinate_tau=8))
    [line] = [line for line in caplog.messages if line.startswith("coordinates: ")]
    # (125,250),(375,500): ten to twelve of some 22 learned tokens
    assert 40 < float(line.removeprefix("coordinates: ").partition("%")[0]) < 65
    assert line.endswith("digits of boxes, whose loss by distance has weight 0.1 (tau 8)")


def test_nothing_is_said_without_the_key(
    make_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        check_recipe(make_recipe())
    assert not [line for line in caplog.messages if "coordinates" in line]


def test_answers_without_a_box_are_a_problem(
    make_recipe: Callable[..., Path], files_of_words: dict[str, str]
) -> None:
    with pytest.raises(UserError, match="grounding_coordinate_loss: no answer of the first 48 records has"):
        check_recipe(make_recipe(grounding_coordinate_loss=0.1, **files_of_words))
