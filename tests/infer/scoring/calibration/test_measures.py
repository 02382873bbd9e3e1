import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infer.scoring.calibration.measures import measure_reliability


def test_bins_hold_their_upper_edge() -> None:
    bins = measure_reliability([(0.1, True), (0.3, True), (0.30001, False), (1.0, True), (1e-6, False)]).bins
    assert [item.boxes for item in bins] == [2, 0, 1, 1, 0, 0, 0, 0, 0, 1]
    assert (bins[0].precision, bins[2].precision, bins[3].precision) == (0.5, 1.0, 0.0)
    assert (bins[1].precision, bins[1].mean_score) == (None, None)


def test_calibrated_scores_have_no_error_and_sure_ones_have_a_large_one() -> None:
    chance = random.Random(0)
    calibrated = [(score, chance.random() < score) for score in (chance.random() for _ in range(20000))]
    measured = measure_reliability(calibrated)
    assert measured.calibration_error < 0.02
    assert measured.auroc == pytest.approx(5 / 6, abs=0.01)  # of uniform scores that are true
    sure = measure_reliability([(1.0, is_right) for _, is_right in calibrated])
    assert sure.calibration_error == pytest.approx(0.5, abs=0.01)
    assert sure.auroc == 0.5


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=30))
def test_numbers_equal_their_definitions(scored: list[tuple[float, bool]]) -> None:
    measured = measure_reliability(scored)
    right = [score for score, is_right in scored if is_right]
    wrong = [score for score, is_right in scored if not is_right]
    wins = [(high > low) + (high == low) / 2 for high in right for low in wrong]
    assert measured.auroc == (pytest.approx(sum(wins) / len(wins)) if wins else None)
    error = 0.0
    for value in {score for score, _ in scored}:  # each value has a bin of its own
        group = [is_right for score, is_right in scored if score == value]
        error += len(group) / len(scored) * abs(value - sum(group) / len(group))
    assert measured.calibration_error == pytest.approx(error)
