import dataclasses
import math

import numpy as np
import pytest

from infer.confidence.box_features import FEATURE_NAMES
from infer.confidence.calibration import fingerprint_calibration, is_current, rounded
from tests.infer.confidence.made_calibrations import NONE, ONES, calibration_of, row, weighing_of


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_scores_are_logistic_in_the_standardised_features() -> None:
    weighing = weighing_of(2.0, -1.0, bias=0.5, means=(1.0, *NONE[1:]), scales=(0.5, *ONES[1:]))
    found = weighing.probabilities(np.array([row(1.0, 0.0), row(1.5, 1.0)]))
    assert found.tolist() == pytest.approx([sigmoid(0.5), sigmoid(2 - 1 + 0.5)])


def test_beyond_what_it_was_fitted_on_a_feature_counts_as_the_nearest_inside() -> None:
    weighing = weighing_of(1.0)
    found = weighing.probabilities(np.array([row(2.0), row(99.0), row(-99.0)]))
    assert found.tolist() == pytest.approx([sigmoid(2), sigmoid(2), sigmoid(-2)])


def test_knots_bend_the_logistic_probability() -> None:
    weighing = weighing_of(1.0, knots=((0.2, 0.1), (0.5, 0.4), (0.9, 0.95)))
    found = weighing.probabilities(np.array([row(0.0), row(-2.0), row(math.log(0.7 / 0.3))]))
    assert found.tolist() == pytest.approx([0.4, 0.1, 0.4 + 0.55 * 0.5])


def test_boxes_without_features_have_no_score_and_scores_are_rounded() -> None:
    scores = calibration_of(weighing_of(1.0)).scores([row(1.0), None, row(-1.0)])
    assert scores == [round(sigmoid(1), 4), None, round(sigmoid(-1), 4)]
    assert calibration_of(weighing_of(1.0)).scores([None]) == [None]
    assert [rounded(value) for value in (0.0, 1e-9, 0.12345678, 1.0)] == [1e-4, 1e-4, 0.1235, 1.0]


def test_a_last_digit_of_a_feature_does_not_show() -> None:
    calibration = calibration_of(weighing_of(1.5, 0.7))
    assert calibration.scores([row(0.3, 0.2)]) == calibration.scores([row(0.3 + 1e-6, 0.2 - 1e-6)])


def test_the_fingerprint_follows_what_makes_the_scores() -> None:
    known, other = (calibration_of(weighing_of(1.0, bias=bias)) for bias in (0.0, 0.1))
    assert fingerprint_calibration(known) != fingerprint_calibration(other)
    assert fingerprint_calibration(known) == fingerprint_calibration(dataclasses.replace(known, measured={}))


def test_features_of_another_version_are_told() -> None:
    assert is_current(weighing_of())
    assert not is_current(weighing_of(names=FEATURE_NAMES[::-1]))
