from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from prepare.recipe import PrepareRecipe

RECIPES = Path(__file__).parents[3] / "recipes" / "prepare"


def test_a_question_for_words_is_named_for_each_way_to_ask() -> None:
    def wordings(*words: str) -> set[str]:
        recipe = load_recipe(PrepareRecipe, RECIPES / "coco.yaml", ["regions.share=0.2", *words])
        return {wording.name for wording in recipe.regions.wordings(recipe.language)}

    both = "regions.show=[blur,text]"
    name = "regions.prompt=[describe_label.zh1,describe_label_box.en1]"
    assert wordings(both, "regions.labels=true", name) == {"describe_label.zh1", "describe_label_box.en1"}
    assert wordings("regions.prompt=describe.en2") == {"describe.en2"}
    assert wordings(both, "regions.prompt=[describe,describe_box.en1]", "language=zh") == {
        *(f"describe.zh{number}" for number in range(1, 5)),
        "describe_box.en1",
    }
    with pytest.raises(UserError, match=r"regions\.labels=True needs a wording of describe_label_box"):
        wordings(both, "regions.labels=true", "regions.prompt=[describe_label,describe_box]")


def test_a_way_to_ask_for_words_has_the_named_wordings_of_its_own_family() -> None:
    words = ["regions.share=0.2", "regions.show=[blur,text]", "regions.labels=true"]
    named = "[describe,describe_box.en1,describe_label.en2,describe_label_box]"
    recipe = load_recipe(PrepareRecipe, RECIPES / "coco.yaml", [*words, f"regions.prompt={named}"])
    found = {
        (states_box, names_label): {
            wording.name
            for wording in recipe.regions.wordings_of(
                recipe.language, states_box=states_box, names_label=names_label
            )
        }
        for states_box in (False, True)
        for names_label in (False, True)
    }
    assert found == {
        (False, False): {f"describe.en{number}" for number in range(1, 5)},
        (True, False): {"describe_box.en1"},
        (False, True): {"describe_label.en2"},
        (True, True): {f"describe_label_box.en{number}" for number in range(1, 4)},
    }
