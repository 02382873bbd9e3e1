"""The ways of asking, with an engine that sees rectangles of known colours in its picture."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.answers import write_answer
from grounding.boxes import Box, Size, iou
from grounding.card import Card, save_card
from grounding.categories import number_categories
from grounding.errors import UserError
from grounding.prompts import find_wordings
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.merged_answers import suppress_overlaps
from infer.asking.per_category import OTHER_CATEGORY
from infer.asking.verifying import NOT_VERIFIED
from infer.asking.voting import count_votes
from infer.asking.ways import ask_batch
from infer.asking.zoom import is_cut, tiles
from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
SIZE = Size(400, 300)
SMALL, LARGE = Detection("red", Box(20, 30, 32, 40)), Detection("green", Box(150, 100, 350, 280))


@dataclass
class Eye:
    """Sees what covers at least `least` of the picture; answers about the colours that are named, or all."""

    least: float = 0.0
    lies: dict[int, list[Detection]] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.batches.append(len(requests))
        self.asked += requests
        return [RawAnswer(self._answer(request), is_cut=False) for request in requests]

    def _answer(self, request: Request) -> str:
        with Image.open(request.image) as image:
            pixels, size = np.asarray(image), Size(*image.size)
        named = [name for name in COLOURS if re.search(rf"\b{name}\b", request.user)] or list(COLOURS)
        found = list(self.lies.get(request.draw, [])) if len(named) == len(COLOURS) else []
        for name in named:
            rows, columns = np.nonzero((pixels == COLOURS[name]).all(-1))
            if len(rows) >= max(1, self.least * pixels.shape[0] * pixels.shape[1]):
                box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                found.append(Detection(name, box))
        return write_answer("json", found, size).content


@pytest.fixture
def recipe(tmp_path: Path) -> InferRecipe:
    card = Card(
        "",
        {"task.en1": "Task: Object Detection"},
        "objects",
        number_categories(list(COLOURS)),
        "none",
        {},
        {},
    )
    save_card(card, tmp_path)
    return InferRecipe(checkpoint="", dataset=str(tmp_path), output_dir="", batch_size=4)


@pytest.fixture
def questions(tmp_path: Path) -> list[Question]:
    """Two pictures: one with a small red and a large green rectangle, one with nothing."""
    made = []
    for number, objects in enumerate(((SMALL, LARGE), ())):
        pixels = np.full((SIZE.height, SIZE.width, 3), 128, np.uint8)
        for item in objects:
            x1, y1, x2, y2 = map(int, item.box.xyxy)
            pixels[y1:y2, x1:x2] = COLOURS[item.label]
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        made.append(Question(number, path.name, SIZE, Request(path, "", "<image>Task: Object Detection")))
    return made


def found(detections: Sequence[Detection], wanted: Detection) -> list[float]:
    return [iou(item.box, wanted.box) for item in detections if item.label == wanted.label]


def test_asked_plainly_each_question_is_asked_once(recipe: InferRecipe, questions: list[Question]) -> None:
    eye = Eye()
    first, second = ask_batch(eye, questions, recipe)
    assert eye.asked == [question.request for question in questions]
    assert [item.label for item in first.detections] == ["red", "green"]
    assert second.detections == ()


def test_each_category_is_asked_for_in_batches_and_merged(
    recipe: InferRecipe, questions: list[Question], caplog: pytest.LogCaptureFixture
) -> None:
    eye = Eye()
    first, second = ask_batch(eye, questions, replace(recipe, per_category=True))
    assert eye.batches == [4, 2]
    assert {request.user for request in eye.asked} == {
        request.user.replace("red", name) for request in eye.asked[:1] for name in COLOURS
    }
    assert [item.label for item in first.detections] == ["red", "green"]
    assert second.detections == ()
    assert first.raw.startswith("[red] ")
    assert "which the model may not know" in caplog.text


def test_a_label_that_was_not_asked_for_is_a_problem(recipe: InferRecipe, questions: list[Question]) -> None:
    class Stubborn(Eye):
        def _answer(self, request: Request) -> str:
            return write_answer("json", [LARGE], SIZE).content

    (answered,) = ask_batch(Stubborn(), questions[:1], replace(recipe, per_category=True))
    assert found(answered.detections, LARGE) == [pytest.approx(1, abs=0.01)]
    assert answered.problems.count(OTHER_CATEGORY) == 2


def test_one_category_a_question_is_not_split_again(recipe: InferRecipe, questions: list[Question]) -> None:
    card = Card("", {"category.en1": ""}, "objects", number_categories(["red"]), "none", {}, {})
    save_card(card, recipe.dataset_path)
    with pytest.raises(UserError, match="leave per_category out"):
        ask_batch(Eye(), questions, replace(recipe, per_category=True))


@pytest.mark.parametrize("least", [0.002, 0.1])
def test_tiles_show_what_is_small_in_the_whole(
    recipe: InferRecipe, questions: list[Question], least: float
) -> None:
    eye = Eye(least)
    (plain,) = ask_batch(eye, questions[:1], recipe)
    assert not found(plain.detections, SMALL)
    (closer, nothing) = ask_batch(eye, questions, replace(recipe, zoom="tiles"))
    assert [value > 0.8 for value in found(closer.detections, SMALL)] == [True] * (least < 0.1)
    # The large one is cut by every tile: the first look's box stays.
    assert found(closer.detections, LARGE)[0] == found(plain.detections, LARGE)[0]
    assert nothing.detections == ()


def test_a_closer_look_around_boxes_measures_finer(recipe: InferRecipe, questions: list[Question]) -> None:
    coarse = Detection("red", Box(19, 28, 33, 42))

    class Coarse(Eye):
        def _answer(self, request: Request) -> str:
            with Image.open(request.image) as image:
                is_whole = image.size == (SIZE.width, SIZE.height)
            return write_answer("json", [coarse], SIZE).content if is_whole else super()._answer(request)

    (answered,) = ask_batch(Coarse(), questions[:1], replace(recipe, zoom="boxes"))
    assert iou(coarse.box, SMALL.box) < 0.7
    assert found(answered.detections, SMALL)[0] > 0.9
    assert len(answered.detections) == 1


def test_tiles_cover_the_image_and_overlap() -> None:
    size = Size(401, 299)
    regions = tiles(size)
    seen = np.zeros((size.height, size.width), int)
    for region in regions:
        x1, y1, x2, y2 = map(int, region.xyxy)
        assert (x1, y1, x2, y2) == region.xyxy
        seen[y1:y2, x1:x2] += 1
    assert seen.min() == 1
    assert seen.max() == 4
    assert is_cut(Box(10, 10, regions[0].x2, 20), regions[0], size)
    assert not is_cut(Box(0, 0, 20, 20), regions[0], size)


@pytest.mark.parametrize(
    ("verify", "labels"), [("mark", ["blue", "red", "green"]), ("drop", ["red", "green"])]
)
def test_what_does_not_come_back_is_marked_or_dropped(
    recipe: InferRecipe, questions: list[Question], verify: str, labels: list[str]
) -> None:
    eye = Eye(lies={0: [Detection("blue", Box(300, 10, 360, 60))]})
    (answered,) = ask_batch(eye, questions[:1], replace(recipe, verify=verify))
    assert [item.label for item in answered.detections] == labels
    assert answered.problems == (NOT_VERIFIED,)
    assert len(eye.asked) == 1 + 3


def test_the_recipe_can_name_the_wording_of_what_is_asked_back(
    recipe: InferRecipe, questions: list[Question]
) -> None:
    eye, (wording,) = Eye(), find_wordings("category.en2", "en")
    ask_batch(eye, questions[:1], replace(recipe, verify="mark", wording=wording.name))
    assert eye.asked[1].user.endswith(wording.ask("red"))
    eye.asked.clear()
    ask_batch(eye, questions[:1], replace(recipe, per_category=True, wording=wording.name))
    endings = [wording.ask(name) for name in COLOURS]
    assert all(request.user.endswith(end) for request, end in zip(eye.asked, endings, strict=True))


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


def test_boxes_need_half_of_the_votes(recipe: InferRecipe, questions: list[Question]) -> None:
    lie, other = Detection("blue", Box(300, 10, 360, 60)), Detection("blue", Box(10, 200, 60, 260))
    eye = Eye(lies={0: [lie], 1: [lie], 2: [other], 3: []})
    first, second = ask_batch(eye, questions, replace(recipe, agree=4, temperature=0.7))
    assert [request.draw for request in eye.asked] == [0, 1, 2, 3] * 2
    votes = {item.label: item.score for item in first.detections}
    assert votes == {"blue": 0.5, "red": 1.0, "green": 1.0}
    assert found(first.detections, lie)[0] > 0.9
    assert [item.score for item in second.detections] == [0.5]


def test_a_vote_is_one_an_answer_and_the_box_is_the_median() -> None:
    boxes = [Box(0, 0, 10, 10), Box(0, 0, 11, 10), Box(1, 0, 12, 10)]
    (item,) = count_votes([[Detection("a", box)] for box in boxes])
    assert (item.box, item.score) == (Box(0, 0, 11, 10), 1.0)
    assert count_votes([[Detection("a", boxes[0])] * 2, [], []]) == []
    assert count_votes([]) == []


def test_suppression_is_by_class_and_score() -> None:
    first, better = Detection("a", Box(0, 0, 10, 10), 0.4), Detection("a", Box(0, 0, 10, 9), 0.9)
    other, apart = Detection("b", Box(0, 0, 10, 10), 0.1), Detection("a", Box(20, 0, 30, 10), 0.2)
    assert suppress_overlaps([first, better, other, apart]) == (better, apart, other)
    plain = [replace(item, score=None) for item in (first, better, apart)]
    assert suppress_overlaps(plain) == (plain[0], plain[2])
