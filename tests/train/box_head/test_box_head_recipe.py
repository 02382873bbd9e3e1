"""The recipe of a box head: its keys are checked, and the one of the project is read."""

from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from train.box_head.__main__ import main
from train.box_head.box_head_recipe import BoxHeadRecipe

ROOT = Path(__file__).resolve().parents[3]
RECIPE = ROOT / "recipes" / "box_head" / "demo.yaml"


def test_the_recipe_of_the_demo_is_read() -> None:
    recipe = load_recipe(BoxHeadRecipe, RECIPE)
    assert recipe.checkpoint == "checkpoints/demo/full"
    assert recipe.engine_settings(Path(recipe.checkpoint)).boxes == "text"  # it learns from written boxes


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("hidden=0", "hidden: 0 is less than 1"),
        ("l1_weight=-1", "l1_weight: -1.0 is not 0 or more"),
        ("match_weight=.inf", "match_weight: inf is not 0 or more"),
        ("dropout=1", "dropout: 1.0 is not 0 or more and below 1"),
        ("learning_rate=0", "learning_rate: 0.0 is not above 0"),
        ("held_out=1", "held_out: 1.0 is not above 0 and below 1"),
        ("temperature=0", "temperature: 0.0 is not above 0"),
        ("engine=openai", "engine: a box head reads hidden states, which engine=openai does not have"),
        ("giou=1", "giou"),
    ],
)
def test_a_bad_key_is_refused_with_its_name(word: str, message: str) -> None:
    words = [word, "base_url=http://x/v1", "model=m"] if word == "engine=openai" else [word]
    with pytest.raises(UserError, match=message):
        load_recipe(BoxHeadRecipe, RECIPE, words)


def test_another_split_is_refused() -> None:
    with pytest.raises(UserError, match="split: a head learns from the training split"):
        main([str(RECIPE), "split=val"])
