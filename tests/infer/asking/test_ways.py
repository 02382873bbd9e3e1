from dataclasses import replace

import pytest

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.prompts import find_wordings
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.verifying import NOT_VERIFIED
from infer.asking.ways import ask_batch
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import COLORS, LARGE, SMALL, ColorEngine, ious


def test_asked_plainly_each_question_is_asked_once(recipe: InferRecipe, questions: list[Question]) -> None:
    engine = ColorEngine()
    first, second = ask_batch(engine, questions, recipe)
    assert engine.requests == [question.request for question in questions]
    assert [item.label for item in first.detections] == ["red", "green"]
    assert second.detections == ()


def test_questions_about_one_image_go_together(recipe: InferRecipe, questions: list[Question]) -> None:
    engine = ColorEngine()
    first, second = (
        [replace(question, request=replace(question.request, draw=draw)) for draw in range(3)]
        for question in questions
    )
    mixed = [second[0], first[0], first[1], second[1], second[2], first[2]]
    answers = ask_batch(engine, mixed, replace(recipe, batch_size=4))
    assert engine.requests == [question.request for question in (*second, *first)]
    assert engine.batches == [4, 2]
    assert [bool(answer.detections) for answer in answers] == [False, True, True, False, False, True]


def test_the_recipe_can_name_the_wording_of_what_is_asked_back(
    recipe: InferRecipe, questions: list[Question]
) -> None:
    engine, (wording,) = ColorEngine(), find_wordings("category.en2", "en")
    ask_batch(engine, questions[:1], replace(recipe, verify="mark", wording=wording.name))
    assert engine.requests[1].user.endswith(wording.ask("red"))
    engine.requests.clear()
    ask_batch(engine, questions[:1], replace(recipe, per_category=True, wording=wording.name))
    endings = [wording.ask(name) for name in COLORS]
    assert all(request.user.endswith(end) for request, end in zip(engine.requests, endings, strict=True))


@pytest.mark.parametrize(
    ("wording", "message"),
    [
        ("categry.en2", "wording: no wording 'categry.en2'.*did you mean 'category.en2'"),
        ("task.en1", "wording: 'task.en1' does not ask about one category or expression"),
    ],
)
def test_a_wording_that_asks_about_nothing_is_refused(
    recipe: InferRecipe, wording: str, message: str
) -> None:
    with pytest.raises((UserError, ValueError), match=message):
        replace(recipe, wording=wording)


def test_all_ways_together(recipe: InferRecipe, questions: list[Question]) -> None:
    """Each category is sampled, tiles ask the whole question again, and labels are verified by one answer."""
    engine = ColorEngine(lies={1: [Detection("blue", Box(60, 60, 100, 100))]})
    combined = replace(
        recipe, per_category=True, agree=2, temperature=0.7, zoom="tiles", verify="drop", batch_size=64
    )
    answer, nothing = ask_batch(engine, questions, combined)
    per_category, tiles, labels = engine.batches
    assert (per_category, tiles, labels) == (2 * 3 * 2, 2 * 4 * 2, 3 + 1)
    assert [request.draw for request in engine.requests] == [0, 1] * 14 + [0] * 4
    assert {item.label for item in answer.detections} == {"red", "green"}
    assert ious(answer.detections, SMALL)[0] > 0.8
    assert ious(answer.detections, LARGE)[0] > 0.9
    assert set(answer.problems) == {NOT_VERIFIED}
    assert nothing.detections == ()
