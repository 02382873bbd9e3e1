from dataclasses import replace

import pytest

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.prompts import find_wordings
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import NO_SCORE
from infer.asking.verifying import NOT_VERIFIED
from infer.asking.ways import ask_batch
from infer.confidence.box_features import ALTERNATIVES, FEATURE_NAMES
from infer.confidence.calibration import BeingFitted
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import COLORS, LARGE, SMALL, ColorEngine, TokenEngine, ious
from tests.infer.confidence.made_calibrations import calibration_of, weighing_of


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


def test_calibrated_scores_are_made_of_alternatives(recipe: InferRecipe, questions: list[Question]) -> None:
    """Features are kept while a calibration is fitted; then it makes the score of each box."""
    calibrated = replace(recipe, score="calibrated")
    engine = TokenEngine()
    (fitting, _) = ask_batch(engine, questions, calibrated, BeingFitted())
    assert all(request.alternatives == ALTERNATIVES for request in engine.requests)
    assert [len(found.features) for found in fitting.detections] == [len(FEATURE_NAMES)] * 2
    (plain, _) = ask_batch(engine, questions, replace(recipe, score="mean_logprob"))
    assert [found.score for found in fitting.detections] == [found.score for found in plain.detections]
    calibration = calibration_of(weighing_of(1.0, bias=-1.0))
    (scored, _) = ask_batch(engine, questions, calibrated, calibration)
    rows = [found.features for found in fitting.detections]
    assert [found.score for found in scored.detections] == calibration.scores(rows)
    assert {found.features for found in scored.detections} == {()}


def test_features_reach_the_end_of_every_way(recipe: InferRecipe, questions: list[Question]) -> None:
    combined = replace(recipe, score="calibrated", per_category=True, zoom="tiles", verify="mark")
    (answer, _) = ask_batch(TokenEngine(), questions, combined, BeingFitted())
    assert {found.label for found in answer.detections} == {"red", "green"}
    assert all(len(found.features) == len(FEATURE_NAMES) for found in answer.detections)


def test_boxes_without_tokens_have_no_calibrated_score(
    recipe: InferRecipe, questions: list[Question]
) -> None:
    calibration = calibration_of(weighing_of(1.0))
    (answer, nothing) = ask_batch(ColorEngine(), questions, replace(recipe, score="calibrated"), calibration)
    assert [found.score for found in answer.detections] == [None, None]
    assert answer.problems == (NO_SCORE,)
    assert nothing.problems == ()
