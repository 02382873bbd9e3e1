from dataclasses import replace
from pathlib import Path

import numpy as np

from grounding.boxes import Box, Size
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.calibrate.judged_boxes import JudgedAnswers, ask_and_judge, judge_answers
from infer.calibrate.known_answers import KnownAnswers, read_known_answers
from infer.confidence.box_features import FEATURE_NAMES
from infer.engines.protocol import Request
from infer.recipe import InferRecipe
from tests.infer.conftest import write_dataset
from tests.infer.doubtful_engine import DoubtfulEngine, write_doubtful_dataset
from tests.infer.several_pictures import GROUPS, join_questions

FEATURES = tuple(range(len(FEATURE_NAMES)))
TRUTH = Box(0, 0, 10, 10)


def found(label: str, *sides: float, features: tuple[float, ...] = FEATURES) -> Detection:
    return Detection(label, Box(*sides), 0.5, features)


def known_answers(objects: list[Detection], crowds: list[Detection]) -> KnownAnswers:
    question = Question.of_one(1, "a.png", Size(100, 100), Request((Path("a.png"),), "", "<image>"))
    return KnownAnswers("calibration", (question,), (tuple(objects),), (tuple(crowds),))


def test_right_wrong_and_neither() -> None:
    known = known_answers([Detection("cat", TRUTH)], [Detection("cat", Box(50, 50, 100, 100))])
    answer = ParsedAnswer(
        "",
        (
            found("cat", 0, 0, 10, 8),  # right
            found("cat", 0, 0, 10, 6),  # a second box on the same object
            found("dog", 0, 0, 10, 10),  # another label
            found("cat", 60, 60, 80, 80),  # in the crowd
            found("cat", 20, 20, 30, 30, features=()),  # without a token
        ),
        (),
    )
    boxes = judge_answers(known, {0: answer})
    assert [box.is_right for box in boxes] == [True, False, False, False, False]
    assert [box.is_judged for box in boxes] == [True, True, True, False, False]
    assert boxes[0].overlap == 0.8
    answers = JudgedAnswers(known, (("hash",),), tuple(boxes))
    assert answers.right.tolist() == [True, False, False]
    assert answers.features.shape == (3, len(FEATURE_NAMES))


def test_questions_about_one_picture_are_one_group(tmp_path: Path) -> None:
    data = write_doubtful_dataset(tmp_path / "data", {"calibration": 6})
    recipe = InferRecipe(checkpoint="x", dataset=str(data), output_dir="", score="calibrated", batch_size=4)
    known, engine, progress = read_known_answers(data, None), DoubtfulEngine(), []
    answers = ask_and_judge(engine, known, [(each,) for each in "abacba"], recipe, progress.append)
    assert answers.groups.tolist() == [0, 1, 0, 2, 1, 0]
    assert progress == [4, 2]
    assert all(request.alternatives == 10 for request in engine.asked)
    scores = np.array([box.detection.score for box in answers.judged])
    assert (scores > 0).all()
    assert np.isfinite(answers.features).all()


def test_objects_of_all_pictures_are_known_in_their_places(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data").path
    join_questions(data)
    (data / "val.jsonl").rename(data / "calibration.jsonl")
    (data / "annotations_val.json").rename(data / "annotations_calibration.json")
    known = read_known_answers(data, None)
    assert [[item.picture for item in objects] for objects in known.objects] == [[0, 1], [0, 1, 2], [0], [0]]
    assert [len(question.pictures) for question in known.questions] == list(map(len, GROUPS))
    right = {place: ParsedAnswer("", objects, ()) for place, objects in enumerate(known.objects)}
    assert all(box.is_right for box in judge_answers(known, right))
    turned = tuple(replace(item, picture=1 - item.picture) for item in known.objects[0])
    assert not any(box.is_right for box in judge_answers(known, {0: ParsedAnswer("", turned, ())}))
