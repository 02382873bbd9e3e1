import math
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import USER_ERROR_EXIT_CODE, run_command
from train.check import main
from train.keys import known_keys
from train.preflight.limits.number_ranges import NUMBER_RANGES, NumberRange, numbers_in, out_of_range
from train.recipe import TrainRecipe


def takes_numbers(hint: Any) -> bool:
    return hint in (int, float) or any(map(takes_numbers, typing.get_args(hint)))


NUMERIC = sorted(name for name, key in known_keys().items() if takes_numbers(key.type))


def test_every_key_that_takes_a_number_has_a_range() -> None:
    assert sorted(NUMBER_RANGES) == NUMERIC
    assert len(NUMERIC) > 100


def test_every_default_is_in_its_range() -> None:
    wrong = {
        name: key.default
        for name, key in known_keys().items()
        for number in numbers_in(key.default)
        if not NUMBER_RANGES[name].admits(number)
    }
    assert wrong == {}


@pytest.mark.parametrize("name", NUMERIC)
def test_the_numbers_next_to_each_range_are_refused(name: str) -> None:
    allowed = NUMBER_RANGES[name]
    low = allowed.lowest if allowed.open_below else math.floor(allowed.lowest) - 1
    high = allowed.highest if allowed.open_above else math.floor(allowed.highest) + 1
    for wrong in {low - (low in allowed.also), high, math.nan, math.inf, -math.inf}:
        (problem,) = out_of_range(TrainRecipe({name: wrong}))
        assert problem.startswith(f"{name}: {wrong} must be ")


def below(allowed: NumberRange) -> st.SearchStrategy[float]:
    """Return numbers under a range that are none of its exceptions."""
    top = math.floor(allowed.lowest) - (not allowed.open_below)
    return st.integers(max_value=top).filter(lambda number: number not in allowed.also)


@settings(max_examples=500, deadline=None)
@given(name=st.sampled_from(NUMERIC), data=st.data())
def test_a_number_out_of_its_range_is_refused(name: str, data: st.DataObject) -> None:
    allowed = NUMBER_RANGES[name]
    beyond = st.floats(min_value=allowed.highest, exclude_min=not allowed.open_above)
    wrong = data.draw(st.one_of(below(allowed), beyond, st.sampled_from([math.nan, math.inf, -math.inf])))
    value = data.draw(st.sampled_from([wrong, [allowed.highest, [wrong]]]))
    (problem,) = out_of_range(TrainRecipe({name: value}))
    assert problem.startswith(f"{name}: ")
    assert "must be " in problem
    assert "\n" not in problem


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(NUMERIC), data=st.data())
def test_a_number_in_its_range_is_taken(name: str, data: st.DataObject) -> None:
    allowed = NUMBER_RANGES[name]
    inside = st.floats(
        allowed.lowest, allowed.highest, exclude_min=allowed.open_below, exclude_max=allowed.open_above
    )
    right = data.draw(st.one_of(inside, st.sampled_from(allowed.also)) if allowed.also else inside)
    assert list(out_of_range(TrainRecipe({name: right}))) == []


def test_no_forecast_is_made_of_an_impossible_size(
    make_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = make_recipe(fine_tuning="LoRA", lora_rank=-8)
    assert run_command(lambda: main([str(path), "check_samples=2"])) == USER_ERROR_EXIT_CODE
    assert "records: " in caplog.text
    assert "parameters trained" not in caplog.text
