from grounding.boxes import Box
from grounding.predictions.outcomes import judge_detections
from grounding.samples import Detection
from visualize.draw.marks import candidate_marks, crowd_marks, label_text, outcome_marks


def test_a_missed_object_is_dashed_and_a_wrong_label_names_the_right_one():
    items = [Detection("dog", Box(0, 0, 10, 10)), Detection("cow", Box(50, 50, 60, 60))]
    marks = outcome_marks(judge_detections(items, [Detection("cat", Box(0, 0, 10, 10), 0.5)]))
    assert [(mark.text, mark.is_dashed) for mark in marks] == [("cat 0.50, is dog", False), ("cow", True)]


def test_crowds_and_what_lies_in_them_are_grey_and_say_so():
    crowd = Detection("cow", Box(0, 0, 100, 100))
    marks = crowd_marks([crowd]) + outcome_marks(
        judge_detections([], [Detection("cow", Box(1, 1, 9, 9))], [crowd])
    )
    assert [mark.text for mark in marks] == ["crowd: cow", "cow, in a crowd"]
    assert {mark.color for mark in marks} == {(153, 153, 153)}


def test_a_score_is_shown_where_there_is_one():
    box = Box(0, 0, 1, 1)
    assert label_text(Detection("dog", box)) == "dog"
    assert label_text(Detection("dog", box, 0.0)) == "dog 0.00"
    assert label_text(Detection("", box, 0.5)) == "(no label) 0.50"


def test_candidates_are_numbered_in_their_order_and_lie_under_all_else():
    marks = candidate_marks([Detection("dog", Box(0, 0, 9, 9), 0.9), Detection("", Box(5, 5, 9, 9))])
    assert [(mark.text, mark.box.x1) for mark in marks] == [("#1", 0), ("#2", 5)]
    assert all(mark.is_under and mark.is_dashed for mark in marks)
