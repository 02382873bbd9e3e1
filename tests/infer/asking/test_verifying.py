from dataclasses import replace

import pytest

from grounding.boxes import Box
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.verifying import NOT_VERIFIED, best_iou
from infer.asking.ways import ask_batch
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import ColorEngine


@pytest.mark.parametrize(
    ("verify", "labels"), [("mark", ["blue", "red", "green"]), ("drop", ["red", "green"])]
)
def test_what_does_not_come_back_is_marked_or_dropped(
    recipe: InferRecipe, questions: list[Question], verify: str, labels: list[str]
) -> None:
    engine = ColorEngine(lies={0: [Detection("blue", Box(300, 10, 360, 60))]})
    (answered,) = ask_batch(engine, questions[:1], replace(recipe, verify=verify))
    assert [item.label for item in answered.detections] == labels
    assert answered.problems == (NOT_VERIFIED,)
    assert len(engine.requests) == 1 + 3


def test_a_box_comes_back_in_its_own_picture() -> None:
    here, there = Detection("a", Box(0, 0, 10, 10)), Detection("a", Box(0, 0, 10, 10), picture=1)
    assert best_iou(here, [there]) == 0
    assert best_iou(there, [here, there]) == 1
