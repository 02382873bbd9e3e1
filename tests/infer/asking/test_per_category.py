from dataclasses import replace

import pytest

from grounding.answers.writer import write_answer
from grounding.card import Card, save_card
from grounding.categories import number_categories
from grounding.errors import UserError
from infer.asking import wordings
from infer.asking.dataset_questions import Question
from infer.asking.per_category import OTHER_CATEGORY
from infer.asking.ways import ask_batch
from infer.engines.protocol import Request
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import COLORS, LARGE, SIZE, ColorEngine, ious


def test_each_category_is_asked_for_in_batches_and_merged(
    recipe: InferRecipe, questions: list[Question], caplog: pytest.LogCaptureFixture
) -> None:
    wordings._find.cache_clear()  # another test may have had the warning, which comes once
    engine = ColorEngine()
    first, second = ask_batch(engine, questions, replace(recipe, per_category=True))
    assert engine.batches == [4, 2]
    assert {request.user for request in engine.requests} == {
        request.user.replace("red", name) for request in engine.requests[:1] for name in COLORS
    }
    assert [item.label for item in first.detections] == ["red", "green"]
    assert second.detections == ()
    assert first.raw.startswith("[red] ")
    assert "which the model may not know" in caplog.text


def test_a_label_that_was_not_asked_for_is_a_problem(recipe: InferRecipe, questions: list[Question]) -> None:
    class Stubborn(ColorEngine):
        def _answer(self, request: Request) -> str:
            return write_answer("json", [LARGE], SIZE).content

    (answered,) = ask_batch(Stubborn(), questions[:1], replace(recipe, per_category=True))
    assert ious(answered.detections, LARGE) == [pytest.approx(1, abs=0.01)]
    assert answered.problems.count(OTHER_CATEGORY) == 2


@pytest.mark.parametrize(
    "more",
    [{}, {"yes_no.en1": "", "yes_no_text.zh2": ""}, {"describe.en1": "", "describe_label_box.zh1": ""}],
)
def test_one_category_a_question_is_not_split_again(
    recipe: InferRecipe, questions: list[Question], more: dict[str, str]
) -> None:
    card = Card("", {"category.en1": "", **more}, "objects", number_categories(["red"]), "none", {}, {})
    save_card(card, recipe.dataset_path)
    with pytest.raises(UserError, match="leave per_category out"):
        ask_batch(ColorEngine(), questions, replace(recipe, per_category=True))
