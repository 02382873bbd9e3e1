import math

import numpy as np
import pytest

from infer.scoring.resampling.bootstrap import draw_images, interval, linked_groups
from infer.scoring.resampling.ratios import Ratio


def test_the_same_seed_draws_the_same_images() -> None:
    images = list(range(50))
    weights = draw_images(images, draws=20, seed=3)
    assert np.array_equal(weights, draw_images(images, draws=20, seed=3))
    assert not np.array_equal(weights, draw_images(images, draws=20, seed=4))
    assert weights.shape == (20, 50)
    assert set(weights.sum(axis=1)) == {50}


def test_questions_about_one_image_are_drawn_together() -> None:
    weights = draw_images(["a", "b", "a", "c"], draws=100)
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert set(weights[:, [0, 1, 3]].sum(axis=1)) == {3}
    assert not np.array_equal(weights[:, 0], weights[:, 1])


def test_the_interval_of_a_share_is_that_of_statistics() -> None:
    right = np.arange(400) < 300
    low, high = interval(Ratio.of(right, np.ones(400)).resample(draw_images(range(400)))) or (0, 0)
    half = 1.96 * math.sqrt(0.75 * 0.25 / 400)  # of the normal approximation
    assert low == pytest.approx(0.75 - half, abs=0.006)
    assert high == pytest.approx(0.75 + half, abs=0.006)


def test_draws_without_a_value_are_left_out() -> None:
    values = np.array([math.nan, 0.25, 0.25, math.nan])
    assert interval(values) == (0.25, 0.25)
    assert interval(values[[0, 3]]) is None


def test_a_ratio_of_several_terms_is_the_mean_of_their_ratios() -> None:
    ratio = Ratio(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 2.0], [1.0, 2.0]]))
    assert ratio.value == pytest.approx((2 / 2 + 1 / 4) / 2)
    drawn = ratio.resample(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0]]))
    assert drawn == pytest.approx([ratio.value, 0.5, 0.0])


def test_entries_are_linked_over_others() -> None:
    groups = linked_groups("abcdef", [("a", "b"), ("c", "d"), ("d", "b"), ("f",)])
    assert len({groups[name] for name in "abcd"}) == 1
    assert len(set(groups.values())) == 3
    assert linked_groups("ab", []) == {"a": "a", "b": "b"}
