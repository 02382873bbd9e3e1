import logging
from dataclasses import replace

import pytest

from grounding.card import Card
from grounding.categories import number_categories
from grounding.prompts import yes_no_wordings
from infer.asking.wordings import _find_yes_no
from infer.asking.yes_no.choosing_form import _warn_of_other_way, choose_form
from infer.engines.settings import EngineSettings
from infer.engines.yes_no_settings import YesNoSettings
from infer.recipe import InferRecipe

CARD = Card("", {"task.en1": "Task: Object Detection"}, "json", number_categories(["cat"]), "none", {}, {})


def trained(*names: str, show: str) -> Card:
    wordings = {wording.name: wording.template for states in (False, True) for wording in
                yes_no_wordings("any", states_box=states) if wording.name in names}  # fmt: skip
    return replace(CARD, prompts=CARD.prompts | wordings, recipe={"yes_no": {"share": 0.2, "show": show}})


@pytest.fixture(autouse=True)
def forget_warnings() -> None:
    _warn_of_other_way.cache_clear()
    _find_yes_no.cache_clear()


@pytest.mark.parametrize(
    ("show", "name"), [("spotlight", "yes_no.en2"), ("outline", "yes_no.zh1"), ("text", "yes_no_text.en3")]
)
def test_the_trained_wording_is_asked_in_the_trained_way(
    show: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    form = choose_form(trained(name, show=show), None)
    assert (form.show, form.wording.name, form.answer_format) == (show, name, "json")
    assert caplog.text == ""


def test_without_trained_questions_the_default_is_asked_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert choose_form(CARD, "text").wording.name == "yes_no_text.en1"
    assert choose_form(None, None).wording.name == "yes_no.en1"
    assert "which the model may not know" in caplog.text
    assert choose_form(replace(CARD, prompts={"category.zh1": "?"}), None).wording.name == "yes_no.zh1"


def test_another_way_than_the_trained_one_comes_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    card = trained("yes_no.en2", show="spotlight")
    with caplog.at_level(logging.WARNING):
        assert choose_form(card, "outline").show == choose_form(card, "outline").show == "outline"
    assert caplog.text.count("trained yes/no questions with spotlight") == 1


@pytest.mark.parametrize("recipe", [{"yes_no": None}, {"yes_no": "x"}, {"yes_no": {"show": ["text"]}}, {}])
def test_a_strangers_card_says_nothing(recipe: dict[str, object]) -> None:
    assert choose_form(replace(CARD, recipe=recipe), "text").show == "text"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"show": "blur"}, "yes_no.show: 'blur' is not one of outline, spotlight, text"),
        ({"low": 0.5, "high": 0.2}, "0.5 to 0.2 is no range"),
        ({"high": 1.5}, "0 to 1.5 is no range"),
        ({"low": float("nan")}, "is no range"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        YesNoSettings(**settings)  # type: ignore[arg-type]


def test_a_thinking_model_is_refused() -> None:
    with pytest.raises(ValueError, match="score: yes_no reads the first token"):
        InferRecipe(
            engine="openai",
            base_url="http://localhost/v1",
            model="m",
            dataset="d",
            output_dir="o",
            score="yes_no",
            request={"enable_thinking": True},
        )


def test_asking_back_needs_the_tokens() -> None:
    assert EngineSettings(checkpoint="c", score="yes_no").with_tokens
