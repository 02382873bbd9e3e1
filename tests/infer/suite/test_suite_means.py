import numpy as np
import pytest

from infer.suite.member_scores import MemberScores, seed_of
from infer.suite.suite_means import difference_row, mean_row


def scored(asked: int, value: float | None, drawn: list[float] | None = None) -> MemberScores:
    return MemberScores(asked, {"AP": value}, {}, {} if drawn is None else {"AP": np.array(drawn)})


def test_each_set_counts_the_same_however_many_images_it_has() -> None:
    row = mean_row("mean", "mean of 2 sets", "way", [scored(1, 0.2), scored(5000, 0.6)], ["AP"])
    assert row.values["AP"] == pytest.approx(0.4)
    assert row.sets == 2


def test_a_mean_with_an_undefined_value_is_undefined() -> None:
    assert mean_row("mean", "", "way", [scored(1, 0.2), scored(1, None)], ["AP"]).values == {"AP": None}


def test_the_interval_is_that_of_the_means_of_the_draws() -> None:
    draws = np.random.default_rng(0)
    first, second = draws.normal(0.4, 0.1, 4000), draws.normal(0.6, 0.1, 4000)
    row = mean_row("mean", "", "way", [scored(9, 0.4, list(first)), scored(9, 0.6, list(second))], ["AP"])
    assert row.intervals["AP"] == pytest.approx(
        (0.5 - 1.96 * 0.1 / 2**0.5, 0.5 + 1.96 * 0.1 / 2**0.5), abs=0.01
    )


def test_without_draws_there_is_no_interval() -> None:
    assert mean_row("mean", "", "way", [scored(9, 0.4), scored(9, 0.6, [0.1])], ["AP"]).intervals == {}


def test_the_difference_is_the_second_minus_the_first_and_paired_where_draws_are() -> None:
    drawn = list(np.linspace(0.2, 0.6, 50))
    lower = [value - 0.1 for value in drawn]
    row = difference_row("", "way", [scored(9, 0.4, drawn)], [scored(9, 0.3, lower)], ["AP"])
    assert row.values["AP"] == pytest.approx(-0.1)
    assert row.intervals["AP"] == pytest.approx((-0.1, -0.1))


def test_sets_of_the_same_pictures_have_the_same_draws() -> None:
    assert seed_of(["a", "b", "a"]) == seed_of(["b", "a"]) != seed_of(["a", "c"])
