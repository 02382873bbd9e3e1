"""Whole ways of asking, with an engine that knows which colour a drawn or stated box holds."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box, from_grid, iou
from grounding.errors import UserError
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest
from infer.asking.ways import ask_batch
from infer.asking.yes_no.asking_back import NEITHER_YES_NOR_NO, NOT_ASKABLE, AskWhetherRight
from infer.asking.yes_no.choosing_form import choose_form
from infer.asking.yes_no.doubt_band import DoubtBand
from infer.asking.yes_no.yes_probability import ALTERNATIVES
from infer.engines.protocol import RawAnswer, Request, Token
from infer.engines.yes_no_settings import YesNoSettings
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import COLORS, ELSEWHERE, LARGE, SIZE, SMALL, ColorEngine

SCORED = replace(LARGE, score=0.5)
LIE = Detection("blue", Box(300, 10, 360, 60))
SAYS = (("Yes", math.log(0.6)), (" no", math.log(0.2)), ("The", math.log(0.2)))
"""The first token of every right box; of the others, yes and no change places."""


@dataclass
class DoubtingEngine(ColorEngine):
    """Answers yes/no questions about what the outline of a picture, or the box in a text, holds.

    `sureness` is the probability of each token of a first answer, by label.
    """

    sureness: dict[str, float] = field(default_factory=dict)
    says: tuple[tuple[str, float], ...] = SAYS

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.batches.append(len(requests))
        self.requests += requests
        return [
            self._says(request) if "yes or no" in request.user.lower() else self._finds(request)
            for request in requests
        ]

    def _finds(self, request: Request) -> RawAnswer:
        text = self._answer(request)
        tokens, label = [], ""
        for row in re.findall(r"\[\{.*?\}|, \{.*?\}|\]$|^\[\]$", text):
            label = next((name for name in COLORS if f'"{name}"' in row), label)
            tokens.append(Token(row, math.log(self.sureness.get(label, 0.5))))
        return RawAnswer(text, False, tuple(tokens))

    def _says(self, request: Request) -> RawAnswer:
        assert request.alternatives == ALTERNATIVES
        assert request.max_tokens == 1
        label = next(name for name in COLORS if re.search(rf"\b{name}\b", request.user))
        with Image.open(request.picture) as image:
            pixels = np.asarray(image.convert("RGB"))
        box = self._shown(request, pixels)
        x1, y1, x2, y2 = (round(side) for side in box.xyxy)
        is_right = (pixels[y1:y2, x1:x2] == COLORS[label]).all(-1).mean() > 0.8
        (yes, p_yes), (no, p_no), *rest = self.says
        said = self.says if is_right else ((yes, p_no), (no, p_yes), *rest)
        return RawAnswer(said[0][0], True, (Token(*said[0], alternatives=said),))

    def _shown(self, request: Request, pixels: np.ndarray) -> Box:
        if stated := re.search(r"\((\d+),(\d+)\),\((\d+),(\d+)\)", request.user):
            return from_grid(*map(int, stated.groups()), SIZE)
        rows, columns = np.nonzero((pixels == 255).all(-1))
        return Box(columns.min() + 1, rows.min() + 1, columns.max(), rows.max())


def asked(
    questions: list[Question], recipe: InferRecipe, engine: DoubtingEngine, **settings: object
) -> list[ParsedAnswer]:
    yes_no = YesNoSettings(**({"high": 1.0} | settings))  # type: ignore[arg-type]
    return ask_batch(engine, questions, replace(recipe, score="yes_no", yes_no=yes_no))


def scores(answer: ParsedAnswer) -> dict[str, float | None]:
    return {found.label: found.score for found in answer.detections}


@pytest.mark.parametrize("show", [None, "outline", "spotlight", "text"])
def test_boxes_are_scored_by_what_they_hold(
    recipe: InferRecipe, questions: list[Question], show: str | None
) -> None:
    engine = DoubtingEngine(lies={0: [LIE]})
    first, second = asked(questions, recipe, engine, show=show)
    assert scores(first) == pytest.approx({"blue": 0.25, "red": 0.75, "green": 0.75}, abs=0.002)
    assert first.problems == ()
    assert scores(second) == pytest.approx({"blue": 0.25}, abs=0.002)
    assert engine.batches == [2, 4]
    backs = engine.requests[2:]
    assert len({request.picture for request in backs}) == (2 if show == "text" else 4)
    assert all((request.picture == questions[0].request.picture) == (show == "text") for request in backs[:3])
    assert not any(request.picture.exists() for request in backs) or show == "text"


def test_only_doubtful_boxes_are_asked_about_and_the_order_stays_sensible(
    recipe: InferRecipe, questions: list[Question]
) -> None:
    engine = DoubtingEngine(lies={0: [LIE]}, sureness={"red": 0.999, "green": 0.6, "blue": 0.1})
    (first,) = asked(questions[:1], recipe, engine, low=0.2, high=0.98)
    assert engine.batches == [1, 1]
    assert "green" in engine.requests[1].user
    found = scores(first)
    assert found["green"] == pytest.approx(0.75, abs=0.002)
    assert found["red"] > 0.999 > found["green"] > 0.001 > found["blue"] > 0  # type: ignore[operator]


def test_a_box_that_is_found_twice_is_asked_about_once(
    recipe: InferRecipe, questions: list[Question]
) -> None:
    engine = DoubtingEngine(lies={0: [LIE, LIE]})
    (first,) = asked(questions[:1], recipe, engine)
    assert engine.batches == [1, 3]
    assert [found.score for found in first.detections if found.label == "blue"] == [0.2505, 0.2505]


@pytest.mark.parametrize("says", [(("[", -0.1), ("The", -3.0)), (("<|im_end|>", -0.01), ("!", -9.0))])
def test_where_neither_yes_nor_no_is_said_the_token_score_stays_and_is_named(
    recipe: InferRecipe, questions: list[Question], says: tuple[tuple[str, float], ...]
) -> None:
    engine = DoubtingEngine(says=says, sureness={"red": 0.4, "green": 0.6})
    (first,) = asked(questions[:1], recipe, engine)
    assert scores(first) == {"red": 0.4, "green": 0.6}
    assert first.problems == (NEITHER_YES_NOR_NO,) * 2


@pytest.mark.parametrize("label", ["", " ", "a <image>", "<|image_pad|>", "<|im_end|>", "red" * 200])
def test_a_label_that_no_question_can_hold_is_named_and_keeps_its_score(
    recipe: InferRecipe, questions: list[Question], label: str
) -> None:
    engine = DoubtingEngine()
    once = AskWhetherRight(
        lambda requests: [ParsedAnswer("", (Detection(label, LIE.box, 0.5), SCORED), ("other",))],
        engine,
        choose_form(None, "text"),
        DoubtBand(0.0, 1.0),
        batch_size=4,
    )
    (answer,) = once([SizedRequest(questions[0].request, questions[0].size)])
    assert [found.score for found in answer.detections] == [0.5, 0.7495]
    assert answer.problems == ("other", NOT_ASKABLE)
    assert len(engine.requests) == 1


def test_questions_are_asked_in_batches(recipe: InferRecipe, questions: list[Question]) -> None:
    engine = DoubtingEngine(lies={0: [LIE]})
    asked(questions, replace(recipe, batch_size=3), engine)
    assert engine.batches == [2, 3, 1]


@pytest.mark.parametrize(
    "more",
    [
        {"per_category": True},
        {"zoom": "tiles"},
        {"verify": "mark"},
        {"agree": 2, "temperature": 0.7},
        {"per_category": True, "zoom": "boxes", "verify": "drop", "agree": 3, "temperature": 0.7},
    ],
)
def test_all_ways_of_asking_end_with_the_question_about_their_boxes(
    recipe: InferRecipe, questions: list[Question], more: dict[str, object]
) -> None:
    engine = DoubtingEngine()
    (first,) = asked(questions[:1], replace(recipe, **more), engine)  # type: ignore[arg-type]
    assert {found.label for found in first.detections} == {"red", "green"}
    backs = [request for request in engine.requests if "yes or no" in request.user.lower()]
    assert len(backs) == len(first.detections)
    assert backs == engine.requests[-len(backs) :]
    assert all(found.score is not None and found.score > 0.2 for found in first.detections)
    assert [found.score for found in first.detections if iou(found.box, LARGE.box) > 0.99] == [0.7495]
    assert SMALL.label in scores(first)


def test_an_image_without_boxes_is_not_asked_about(recipe: InferRecipe, questions: list[Question]) -> None:
    engine = DoubtingEngine()
    (nothing,) = asked(questions[1:], recipe, engine)
    assert (nothing.detections, engine.batches) == ((), [1])


def test_a_box_is_shown_in_its_picture_alone(recipe: InferRecipe, pair: Question) -> None:
    """The engine looks at one picture; a box that it was shown in the other one would not be right."""
    engine = DoubtingEngine(lies={0: [Detection("red", ELSEWHERE.box)]})
    (answered,) = asked([pair], recipe, engine, show="outline")
    found = {(item.picture, item.label): item.score for item in answered.detections}
    assert found == {
        (0, "red"): pytest.approx(0.25, abs=0.002),
        (0, "green"): pytest.approx(0.75, abs=0.002),
        (1, "red"): pytest.approx(0.75, abs=0.002),
        (1, "green"): pytest.approx(0.75, abs=0.002),
    }
    assert {len(request.images) for request in engine.requests[1:]} == {1}
    assert {request.user.count("<image>") for request in engine.requests[1:]} == {1}
    stating = DoubtingEngine()
    asked([pair], recipe, stating, show="text")
    files = [request.picture.name for request in stating.requests[1:]]
    assert sorted(files) == ["5.png", "6.png", "6.png"]
    (first,) = [request.user for request in stating.requests[1:] if request.picture.name == "5.png"]
    assert "(100,100),(600,500)" in first or "[100, 100, 600, 500]" in first


def test_what_boxes_are_about_and_what_is_shown_can_differ(recipe: InferRecipe, pair: Question) -> None:
    shown = SizedRequest(pair.request, SIZE)
    with pytest.raises(UserError, match="shows 2 pictures, and its boxes are about 1"):
        shown.file_of(LARGE)
