import json
import math
from dataclasses import replace
from typing import Any

import pytest

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.prompts import find_wordings
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import NO_SCORE, ParsedAnswer
from infer.asking.verifying import NOT_VERIFIED
from infer.asking.ways import ask_batch
from infer.confidence.box_features import ALTERNATIVES, FEATURE_NAMES
from infer.confidence.calibration import BeingFitted
from infer.engines.protocol import Request
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import COLORS, ELSEWHERE, LARGE, SMALL, ColorEngine, TokenEngine, ious
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


def placed(answered: ParsedAnswer) -> list[tuple[int, str, Box]]:
    """Return picture, label and whole pixels of each box."""
    return [(item.picture, item.label, Box(*map(round, item.box.xyxy))) for item in answered.detections]


ALL = [(0, "green", ELSEWHERE.box), (1, "green", LARGE.box), (1, "red", SMALL.box)]
"""What the two pictures of `pair` show."""


def test_each_box_is_in_pixels_of_its_picture(recipe: InferRecipe, pair: Question) -> None:
    engine = ColorEngine()
    (answered,) = ask_batch(engine, [pair], recipe)
    assert engine.requests == [pair.request]
    assert sorted(placed(answered)) == ALL
    assert answered.problems == ()


@pytest.mark.parametrize(
    ("changes", "requests"),
    [
        ({"per_category": True}, 3),
        ({"verify": "drop"}, 3),
        ({"agree": 3, "temperature": 0.7}, 3),
        ({"recall": "high", "recall_answers": 2}, 3),
        ({"agree": 2, "temperature": 0.7, "per_category": True, "verify": "mark"}, 8),
    ],
)
def test_the_ways_of_asking_keep_pictures_apart(
    recipe: InferRecipe, pair: Question, changes: dict[str, Any], requests: int
) -> None:
    """Both pictures have a green rectangle: neither stands for the other."""
    engine = ColorEngine()
    (answered,) = ask_batch(engine, [pair], replace(recipe, **changes))
    assert sorted(placed(answered)) == ALL
    assert len(engine.requests) == requests
    assert {request.images for request in engine.requests} == {pair.request.images}
    assert {request.user.partition("Task")[0][:34] for request in engine.requests} == {
        "Image 1: <image>\nImage 2: <image>\n"
    }


def test_boxes_at_one_place_of_two_pictures_are_two_objects(recipe: InferRecipe, pair: Question) -> None:
    """A lie in the first picture, at the place of the second one's object, gets no vote from that."""
    share = Box(LARGE.box.x1 / 4, LARGE.box.y1 * 2 / 3, LARGE.box.x2 / 4, LARGE.box.y2 * 2 / 3)
    lie = Detection("red", share)
    changed = replace(recipe, agree=3, temperature=0.7)
    (answered,) = ask_batch(ColorEngine(lies={0: [lie]}), [pair], changed)
    assert sorted(placed(answered)) == ALL
    (marked,) = ask_batch(ColorEngine(lies={0: [lie]}), [pair], replace(recipe, verify="drop"))
    assert sorted(placed(marked)) == ALL
    assert marked.problems == (NOT_VERIFIED,)


def test_coordinates_in_pixels_are_those_of_each_picture(recipe: InferRecipe, pair: Question) -> None:
    class InPixels(ColorEngine):
        def _answer(self, request: Request) -> str:
            return json.dumps(
                [
                    {"image": place + 1, "bbox_2d": list(item.box.xyxy), "label": item.label}
                    for place, item in ((0, ELSEWHERE), (1, LARGE))
                ]
            )

    (answered,) = ask_batch(InPixels(), [pair], replace(recipe, answer_units="pixels"))
    assert placed(answered) == [ALL[0], ALL[1]]


@pytest.mark.parametrize("zoom", ["tiles", "boxes"])
def test_zoom_says_that_it_is_for_one_picture(recipe: InferRecipe, pair: Question, zoom: str) -> None:
    engine = ColorEngine()
    with pytest.raises(UserError, match=f"zoom={zoom}: asks about parts of one picture, and a"):
        ask_batch(engine, [pair], replace(recipe, zoom=zoom))
    assert engine.requests == []


def test_features_of_boxes_do_not_depend_on_other_pictures(recipe: InferRecipe, pair: Question) -> None:
    """Overlaps and sizes are those in the own picture."""
    scored = replace(recipe, score="calibrated")
    (answered,) = ask_batch(TokenEngine(), [pair], scored, BeingFitted())
    rows = [dict(zip(FEATURE_NAMES, item.features, strict=True)) for item in answered.detections]
    sizes = {item.picture: row["size"] for item, row in zip(answered.detections, rows, strict=True)
             if item.label == "green"}  # fmt: skip
    assert {row["largest_overlap"] for row in rows} == {0.0}
    assert sizes[0] == pytest.approx(math.log(math.sqrt(0.5 * 0.4)), abs=0.01)
    assert sizes[1] == pytest.approx(math.log(math.sqrt(0.5 * 0.6)), abs=0.01)
