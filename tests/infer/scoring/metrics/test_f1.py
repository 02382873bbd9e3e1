import numpy as np
import pytest

from grounding.boxes import Box
from grounding.matching import match_detections
from grounding.samples import Detection
from infer.scoring.metrics.f1 import count_by_category, f1_per_category, f1_ratios


def box(width: float, label: str = "cat") -> Detection:
    """Return a box that has the IoU width / 100 with the one of width 100."""
    return Detection(label, Box(0, 0, width, 10))


def far(label: str = "cat") -> Detection:
    return Detection(label, Box(500, 500, 600, 510))


def test_each_threshold_counts_the_matches_that_reach_it() -> None:
    # IoU 0.60 with one object more missed, 0.80 with a wrong one, and 0.97.
    matches = [
        match_detections([box(60)], [box(100), far()]),
        match_detections([box(80), far()], [box(100)]),
        match_detections([box(97)], [box(100)]),
    ]
    values = {key: ratio.value for key, ratio in f1_ratios(matches).items()}
    assert (values["precision_50"], values["recall_50"]) == (pytest.approx(3 / 4), pytest.approx(3 / 4))
    assert (values["precision_75"], values["recall_75"]) == (pytest.approx(2 / 4), pytest.approx(2 / 4))
    assert (values["precision_95"], values["recall_95"]) == (pytest.approx(1 / 4), pytest.approx(1 / 4))
    assert values["mean_iou"] == pytest.approx((0.6 + 0.8 + 0.97) / 3)
    # 0.50, 0.55 and 0.60 count three, up to 0.80 four more thresholds two, the last three one.
    assert values["f1_mean"] == pytest.approx((3 * 3 + 4 * 2 + 3 * 1) / 40)


def test_f1_is_the_harmonic_mean_over_all_images_together() -> None:
    matches = [match_detections([box(100), far()], [box(100)]), match_detections([], [box(100)] * 2)]
    values = {key: ratio.value for key, ratio in f1_ratios(matches).items()}
    precision, recall = values["precision_50"], values["recall_50"]
    assert (precision, recall) == (pytest.approx(1 / 2), pytest.approx(1 / 3))
    assert values["f1_50"] == pytest.approx(2 * precision * recall / (precision + recall))


def test_nothing_found_and_nothing_there_score_zero() -> None:
    ratios = f1_ratios([match_detections([], [])])
    assert {ratio.value for ratio in ratios.values()} == {0}
    assert np.array_equal(ratios["f1_mean"].resample(np.ones((2, 1))), [0, 0])


def test_categories_are_counted_apart_and_expressions_under_their_category() -> None:
    matches = [
        match_detections([box(100), box(100, "dog"), far("unicorn")], [box(100), box(90, "dog"), far()]),
        match_detections([box(100, "the red one")], [box(100, "the red one")]),
    ]
    table = f1_per_category(count_by_category(matches, ("cat", "dog", "cow"), [{}, {"the red one": "dog"}]))
    assert table["cat"] == {
        "precision_50": 1, "recall_50": 0.5, "f1_50": pytest.approx(2 / 3), "objects": 2, "detections": 1,
    }  # fmt: skip
    assert (table["dog"]["f1_50"], table["dog"]["objects"], table["dog"]["detections"]) == (1, 2, 2)
    assert set(table["cow"].values()) == {0}
