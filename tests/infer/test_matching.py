import pytest

from grounding.boxes import Box
from grounding.samples import Detection
from infer.matching import match_detections


def at(x: float, label: str = "cat", width: float = 10) -> Detection:
    return Detection(label, Box(x, 0, x + width, 10))


def test_two_detections_of_one_object_are_one_match_and_one_false_positive() -> None:
    matches = match_detections([at(2), at(1)], [at(0)], iou_threshold=0.5)
    assert matches.ious == (pytest.approx(9 / 11),)  # the better one, though it comes second
    assert (matches.false_positives, matches.false_negatives) == (1, 0)


def test_another_label_does_not_match() -> None:
    matches = match_detections([at(0, "dog")], [at(0, "cat")], iou_threshold=0.5)
    assert (matches.ious, matches.false_positives, matches.false_negatives) == ((), 1, 1)


def test_the_threshold_itself_matches() -> None:
    half = at(0, width=5)  # IoU 50 / 100
    assert match_detections([half], [at(0)], iou_threshold=0.5).ious == (0.5,)
    assert match_detections([half], [at(0)], iou_threshold=0.51).ious == ()


def test_the_best_pair_goes_first() -> None:
    # A matching of maximal size would take 0-1 and 3-4; greedily 3-2.5 goes first and leaves 0 alone.
    matches = match_detections([at(3)], [at(0), at(4)], iou_threshold=0.5)
    assert matches.ious == (pytest.approx(9 / 11),)
    assert matches.false_negatives == 1


def test_a_detection_inside_a_crowd_is_ignored_but_one_that_matches_an_object_is_not() -> None:
    crowd = Detection("cat", Box(0, 0, 100, 10))
    matches = match_detections([at(0), at(50), at(50, "dog")], [at(0)], [crowd], iou_threshold=0.5)
    assert matches.ious == (1.0,)
    assert (matches.ignored, matches.false_positives) == (1, 1)


def test_nothing_found_misses_everything() -> None:
    matches = match_detections([], [at(0), at(20)], iou_threshold=0.5)
    assert (matches.ious, matches.false_positives, matches.false_negatives) == ((), 0, 2)
