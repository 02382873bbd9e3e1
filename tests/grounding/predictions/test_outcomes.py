import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding import matching
from grounding.boxes import Box, iou
from grounding.predictions.outcomes import IOU_THRESHOLD, Outcome, agreement, count_outcomes, judge_detections
from grounding.samples import Detection

sides = st.integers(1, 30)
objects = st.builds(
    lambda label, x, y, w, h, score: Detection(label, Box(x, y, x + w, y + h), score),
    st.sampled_from("ab"), sides, sides, sides, sides, st.none() | st.floats(0, 1),
)  # fmt: skip


def at(x, label="dog", score=None):
    return Detection(label, Box(x, 0, x + 10, 10), score)


def test_each_outcome_is_told_from_the_others():
    matches = judge_detections([at(0), at(50), at(100, "cat")], [at(1), at(200), at(101, "dog")])
    assert [match.outcome for match in matches] == [
        Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE, Outcome.WRONG_LABEL, Outcome.MISSED,
    ]  # fmt: skip
    assert matches[2].true_label == "cat"
    assert matches[3].detection == at(50)


def test_a_second_box_on_one_object_is_a_false_positive_and_the_nearer_one_wins():
    matches = judge_detections([at(0)], [at(2, score=0.9), at(0, score=0.3)])
    assert [match.outcome for match in matches] == [Outcome.FALSE_POSITIVE, Outcome.TRUE_POSITIVE]
    assert [match.iou for match in matches] == [0, 1]


def test_the_right_label_is_matched_before_a_wrong_one():
    matches = judge_detections([at(0, "cat")], [at(0, "dog", 0.9), at(3, "cat", 0.1)])
    assert [match.outcome for match in matches] == [Outcome.FALSE_POSITIVE, Outcome.TRUE_POSITIVE]


def test_overlap_of_exactly_one_half_is_enough():
    truth, half = Detection("dog", Box(0, 0, 10, 10)), Detection("dog", Box(0, 0, 10, 5))
    assert iou(truth.box, half.box) == IOU_THRESHOLD
    assert judge_detections([truth], [half])[0].outcome is Outcome.TRUE_POSITIVE


@given(st.lists(objects, max_size=8), st.lists(objects, max_size=8))
def test_every_object_has_one_outcome(truth, predictions):
    matches = judge_detections(truth, predictions)
    counts = count_outcomes(matches)
    found = counts[Outcome.TRUE_POSITIVE] + counts[Outcome.WRONG_LABEL]
    assert found + counts[Outcome.MISSED] == len(truth)
    assert found + counts[Outcome.FALSE_POSITIVE] == len(predictions)
    assert [match.detection for match in matches[: len(predictions)]] == predictions


@given(st.lists(objects, max_size=8, unique_by=lambda item: (item.box, item.label)))
def test_the_truth_matches_itself(truth):
    counts = count_outcomes(judge_detections(truth, truth))
    assert counts[Outcome.TRUE_POSITIVE] == len(truth)


@given(*[st.lists(objects, max_size=8)] * 2, st.lists(objects, max_size=3))
def test_the_outcomes_are_those_that_the_scores_count(truth, predictions, crowds):
    counts = count_outcomes(judge_detections(truth, predictions, crowds))
    scored = matching.match_detections(predictions, truth, crowds)
    right, wrong, missed = scored.count(matching.AT_50)
    assert counts[Outcome.TRUE_POSITIVE] == right
    assert counts[Outcome.IN_CROWD] == len(predictions) - right - wrong
    assert counts[Outcome.WRONG_LABEL] + counts[Outcome.FALSE_POSITIVE] == wrong
    assert counts[Outcome.WRONG_LABEL] + counts[Outcome.MISSED] == missed
    assert agreement(judge_detections(truth, predictions, crowds)) == pytest.approx(scored.agreement)


def test_a_prediction_in_a_crowd_of_its_label_is_neither_right_nor_wrong():
    crowd = Detection("dog", Box(40, 0, 400, 10))
    matches = judge_detections([at(50), at(90)], [at(50), at(200), at(300, "cat")], [crowd])
    assert [match.outcome for match in matches] == [
        Outcome.TRUE_POSITIVE, Outcome.IN_CROWD, Outcome.FALSE_POSITIVE, Outcome.MISSED,
    ]  # fmt: skip
    assert agreement(matches) == 1 / 3


def test_agreement_falls_with_errors_and_with_loose_boxes():
    assert agreement([]) == 1
    assert agreement(judge_detections([at(0)], [at(0)])) == 1
    assert agreement(judge_detections([at(0)], [at(2)])) == 8 / 12
    assert agreement(judge_detections([at(0)], [])) == 0
    assert agreement(judge_detections([at(0)], [at(0, "cat")])) == 0


def test_boxes_of_other_pictures_are_no_pair() -> None:
    here, there = Detection("cat", Box(0, 0, 10, 10)), Detection("cat", Box(0, 0, 10, 10), picture=1)
    assert [item.outcome for item in judge_detections([here, there], [there])] == [
        Outcome.TRUE_POSITIVE,
        Outcome.MISSED,
    ]
    wrong = Detection("dog", Box(0, 0, 10, 10), picture=1)
    assert [item.outcome for item in judge_detections([here], [there, wrong])] == [
        Outcome.FALSE_POSITIVE,
        Outcome.FALSE_POSITIVE,
        Outcome.MISSED,
    ]
    assert judge_detections([], [there], [here])[0].outcome is Outcome.FALSE_POSITIVE
    assert judge_detections([], [there], [there])[0].outcome is Outcome.IN_CROWD
