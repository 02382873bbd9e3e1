import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.objectives.coordinates.distance_targets import PLACES, digit_code, place_values, target_table

TAUS = (0.5, 50.0, 800.0)


def one_by_one(number: int, place: int, tau: float) -> list[float]:
    """The formula of the docstring, a number at a time."""
    text, sums = str(number), [0.0] * 10
    for other in range(-200, 1201):
        digits = str(min(1000, max(0, other)))
        if digits[:place] == text[:place] and len(digits) > place:
            sums[int(digits[place])] += math.exp(-((other - number) ** 2) / tau)
    return [each / sum(sums) for each in sums]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(TAUS))
def test_targets_are_those_of_the_formula(number: int, tau: float) -> None:
    for place in range(len(str(number))):
        found = target_table(tau)[digit_code(number, place)]
        np.testing.assert_allclose(found, one_by_one(number, place, tau), atol=1e-12)
    for place in range(len(str(number)), PLACES):
        assert not target_table(tau)[digit_code(number, place)].any()


@pytest.mark.parametrize("tau", TAUS)
def test_each_digit_of_each_coordinate_is_a_distribution(tau: float) -> None:
    table = target_table(tau)
    for number in range(1001):
        rows = table[number * PLACES : number * PLACES + len(str(number))]
        np.testing.assert_allclose(rows.sum(axis=1), 1)


def test_place_values_count() -> None:
    first_of_500, first_of_550 = (target_table(50.0)[digit_code(number, 0)] for number in (500, 550))
    assert first_of_500[4] == pytest.approx(0.46, abs=0.01)
    assert first_of_550[5] > 0.999999
    last_of_500 = target_table(50.0)[digit_code(500, 2)]
    assert 0 < last_of_500[9] < last_of_500[1] < last_of_500[0] < 0.2
    assert first_of_500[5] > first_of_500[4]
    # Lengths differ, and the numbers do not: 99 is next to 100, and 1000 next to 999.
    assert target_table(50.0)[digit_code(99, 0)][1] > 0.4
    assert target_table(50.0)[digit_code(1000, 0)].argmax() == 1
    assert target_table(50.0)[digit_code(0, 0)].argmax() == 0


def test_a_small_tau_leaves_the_right_digit_alone() -> None:
    table = target_table(0.01)
    for number in (0, 7, 99, 100, 499, 1000):
        for place, digit in enumerate(str(number)):
            assert table[digit_code(number, place)][int(digit)] > 0.9999


def test_a_digit_weighs_as_much_as_its_place() -> None:
    values = place_values()
    for number in range(1001):
        found = values[number * PLACES : (number + 1) * PLACES]
        text = str(number)
        assert sum(value * int(digit) for value, digit in zip(found, text, strict=False)) == number
        assert not found[len(text) :].any()
