from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Box, iou
from grounding.matching import (
    AT_50,
    AT_75,
    AT_95,
    IOU_THRESHOLDS,
    match_detections,
    pair_boxes,
    pair_by_label,
)
from grounding.samples import Detection


def at(x: float, label: str = "cat", width: float = 10) -> Detection:
    return Detection(label, Box(x, 0, x + width, 10))


def test_two_detections_of_one_object_are_one_match_and_one_false_positive() -> None:
    matches = match_detections([at(2), at(1)], [at(0)])
    assert matches.ious == (0, pytest.approx(9 / 11))  # the better one, though it comes second
    assert matches.count(AT_50) == (1, 1, 0)


def test_another_label_does_not_match() -> None:
    matches = match_detections([at(0, "dog")], [at(0, "cat")])
    assert matches.count(AT_50) == (0, 1, 1)
    assert matches.count(AT_50, "dog") == (0, 1, 0)
    assert matches.count(AT_50, "cat") == (0, 0, 1)


def test_the_threshold_itself_matches() -> None:
    half = at(0, width=5)  # IoU 50 / 100
    matches = match_detections([half], [at(0)])
    assert matches.count(AT_50) == (1, 0, 0)
    assert matches.count(AT_50 + 1) == (0, 1, 1)


def test_the_best_pair_goes_first() -> None:
    # A matching of maximal size would take 0-1 and 3-4; greedily 3-2.5 goes first and leaves 0 alone.
    matches = match_detections([at(3)], [at(0), at(4)])
    assert matches.ious == (pytest.approx(9 / 11),)
    assert matches.count(AT_50) == (1, 0, 1)


def test_a_detection_inside_a_crowd_is_ignored_but_one_that_matches_an_object_is_not() -> None:
    crowd = Detection("cat", Box(0, 0, 100, 10))
    matches = match_detections([at(0), at(50), at(50, "dog")], [at(0)], [crowd])
    assert matches.ious == (1, 0, 0)
    assert matches.count(AT_50) == (1, 1, 0)  # the one that is ignored is neither


def test_a_crowd_that_covers_a_part_counts_up_to_that_threshold() -> None:
    crowd = Detection("cat", Box(0, 0, 58, 10))  # 8 of 10 pixels of the detection
    matches = match_detections([at(50)], [], [crowd])
    assert matches.count(AT_75) == (0, 0, 0)
    assert matches.count(AT_95) == (0, 1, 0)


def test_nothing_found_misses_everything() -> None:
    matches = match_detections([], [at(0), at(20)])
    assert matches.count(AT_50) == (0, 0, 2)
    assert matches.agreement == 0
    assert match_detections([], []).agreement == 1


def test_agreement_shares_the_ious_among_all_objects() -> None:
    matches = match_detections([at(1), at(50), at(80, "dog")], [at(0), at(80)])
    assert matches.agreement == pytest.approx(9 / 11 / 4)  # one right, two wrong, one missed


boxes = st.builds(at, st.integers(0, 20), st.sampled_from(["cat", "dog"]), st.integers(5, 15))


@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6))
def test_a_higher_threshold_keeps_part_of_one_matching(
    found: list[Detection], wanted: list[Detection]
) -> None:
    """Matching anew at every threshold gives the same numbers."""
    matches = match_detections(found, wanted)
    for place, threshold in enumerate(IOU_THRESHOLDS):
        right = 0
        for label in ("cat", "dog"):
            sides = [[item.box for item in side if item.label == label] for side in (found, wanted)]
            pairs = pair_boxes(sides[0], sides[1], float(threshold))
            assert all(iou(sides[0][row], sides[1][column]) == overlap for row, column, overlap in pairs)
            right += len(pairs)
        assert matches.count(place) == (right, len(found) - right, len(wanted) - right)


def test_pairs_by_label_name_the_places_of_both() -> None:
    cup, other, dog = Box(0, 0, 10, 10), Box(20, 20, 40, 40), Box(1, 1, 11, 11)
    found = [Detection("dog", cup), Detection("cup", other), Detection("cup", cup)]
    wanted = [Detection("cup", cup), Detection("dog", dog), Detection("cup", other)]
    pairs = pair_by_label(found, wanted, 0.5)
    assert [(row, column) for row, column, _ in pairs] == [(1, 2), (2, 0), (0, 1)]
    assert [overlap for _, _, overlap in pairs] == [1.0, 1.0, pytest.approx(81 / 119)]


def test_another_picture_does_not_match() -> None:
    there = Detection("a", Box(0, 0, 10, 10), picture=1)
    here = replace(there, picture=0)
    assert match_detections([here], [there]).count(AT_50) == (0, 1, 1)
    assert match_detections([here], [there], [here]).in_crowd == (1.0,)
    assert match_detections([here], [], [there]).in_crowd == (0.0,)
    assert pair_by_label([here, there], [there, here], 0.5) == [(1, 0, 1.0), (0, 1, 1.0)]
