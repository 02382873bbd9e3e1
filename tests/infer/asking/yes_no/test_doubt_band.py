from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infer.asking.yes_no.doubt_band import EDGE, DoubtBand

shares = st.floats(0, 1)
scores = st.floats(1e-4, 1)


@given(scores, shares)
def test_the_score_of_a_doubtful_box_is_its_share_of_yes(token_score: float, share: float) -> None:
    band = DoubtBand(0, 1)
    assert band.holds(token_score)
    assert band.score(token_score, share) == pytest.approx(share, abs=EDGE + 1e-4)


@given(st.floats(0.05, 0.45), st.floats(0.55, 0.95), st.lists(scores, min_size=2, max_size=8), shares)
def test_sure_boxes_keep_their_order_outside_of_those_that_are_asked_about(
    low: float, high: float, tokens: list[float], share: float
) -> None:
    band = DoubtBand(low, high)
    for one, other in pairwise(sorted(tokens)):
        below, above = band.score(one, share), band.score(other, share)
        assert below is not None
        assert above is not None
        assert 0 < below <= above <= 1
        if band.holds(one) != band.holds(other):
            assert below < above or below == pytest.approx(EDGE) or above == pytest.approx(1 - EDGE)


def test_the_order_by_example() -> None:
    band = DoubtBand(0.3, 0.9)
    ordered = [band.score(*pair) for pair in [(0.1, None), (0.2, None), (0.9, 0.0), (0.3, 0.5), (0.4, 1.0)]]
    ordered += [band.score(0.91, None), band.score(0.99, None), band.score(1.0, None)]
    assert ordered == sorted(ordered)
    assert len(set(ordered)) == len(ordered)
    assert ordered[-1] == 1.0
    assert ordered[3] == 0.5


def test_a_box_without_an_answer_keeps_its_token_score() -> None:
    band = DoubtBand(0.3, 0.9)
    assert band.score(0.5, None) == 0.5
    assert band.score(None, None) is None
    assert band.holds(None)
    assert band.score(None, 0.25) == pytest.approx(0.25, abs=EDGE)
