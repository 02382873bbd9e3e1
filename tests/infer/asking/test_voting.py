from dataclasses import replace

from grounding.boxes import Box
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.voting import count_votes
from infer.asking.ways import ask_batch
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import ColorEngine, ious


def test_boxes_need_half_of_the_votes(recipe: InferRecipe, questions: list[Question]) -> None:
    lie, other = Detection("blue", Box(300, 10, 360, 60)), Detection("blue", Box(10, 200, 60, 260))
    engine = ColorEngine(lies={0: [lie], 1: [lie], 2: [other], 3: []})
    first, second = ask_batch(engine, questions, replace(recipe, agree=4, temperature=0.7))
    assert [request.draw for request in engine.requests] == [0, 1, 2, 3] * 2
    votes = {item.label: item.score for item in first.detections}
    assert votes == {"blue": 0.5, "red": 1.0, "green": 1.0}
    assert ious(first.detections, lie)[0] > 0.9
    assert [item.score for item in second.detections] == [0.5]


def test_a_vote_is_one_an_answer_and_the_box_is_the_median() -> None:
    boxes = [Box(0, 0, 10, 10), Box(0, 0, 11, 10), Box(1, 0, 12, 10)]
    (item,) = count_votes([[Detection("a", box)] for box in boxes])
    assert (item.box, item.score) == (Box(0, 0, 11, 10), 1.0)
    assert count_votes([[Detection("a", boxes[0])] * 2, [], []]) == []
    assert count_votes([]) == []


def test_a_description_of_the_votes_is_kept() -> None:
    first, second = Detection("a", Box(0, 0, 9, 9)), Detection("a", Box(0, 0, 9, 9), description="red")
    (item,) = count_votes([[first], [second]])
    assert item.description == "red"


def test_votes_are_for_one_picture() -> None:
    here, there = Detection("a", Box(0, 0, 10, 10)), Detection("a", Box(0, 0, 10, 10), picture=1)
    votes = count_votes([[here], [there], [here, there]])
    assert [(item.picture, item.score) for item in votes] == [(0, 2 / 3), (1, 2 / 3)]
    assert count_votes([[here], [there], [there]]) == [replace(there, score=2 / 3)]
