from grounding.boxes import Box
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.calibration.judging import judge_boxes


def test_a_box_is_right_where_it_matches_an_object_of_its_label() -> None:
    truth = Box(0, 0, 10, 10)
    found = (
        Detection("cat", truth, 0.9),
        Detection("cat", truth, 0.8),  # the object is taken
        Detection("dog", truth, 0.7),
        Detection("cat", Box(50, 50, 60, 60), 0.6),  # in the crowd
        Detection("cat", Box(0, 0, 10, 4.9), None),
    )
    objects = {1: [Detection("cat", truth)]}
    crowds = {1: [Detection("cat", Box(40, 40, 99, 99))]}
    judged = judge_boxes([Prediction(1, found, ())], objects, crowds)
    assert judged == [(0.9, True), (0.8, False), (None, False), (0.7, False)]
