from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from infer.recipe import (
    InferRecipe,
    changed_keys,
    check_saved_recipe,
    save_recipe,
    saved_recipe,
    without_user,
)

RECIPES = Path(__file__).parents[2] / "recipes" / "infer"
DEMO = RECIPES / "demo.yaml"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_are_read_by_their_schema(path: Path) -> None:
    assert load_recipe(InferRecipe, path).split == "val"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["engine=vllm"], "engine: 'vllm' is not one of paddle, openai"),
        (["engine=openai", "model=m"], "base_url: 'None' is not like http://localhost:8000/v1"),
        (["engine=openai", "base_url=localhost:8000", "model=m"], "base_url: 'localhost:8000' is not like"),
        (["engine=openai", "base_url=http://localhost:8000/v1"], "model must be set"),
        (["base_url=http://localhost:8000/v1"], "have an effect only with engine=openai"),
        (["checkpoint=null"], "checkpoint must be set"),
        (["concurrency=0"], "concurrency: 0 is less than 1"),
        (["timeout=0"], "timeout must be more than 0"),
        (["shard=8/8"], "shard: '8/8' is not one of 0/8 to 7/8"),
        (["recall=higher"], "recall: 'higher' is not one of normal, high"),
        (["recall=high", "recall_answers=0"], "recall_answers: 0 is less than 1"),
        (["recall=high", "recall_temperature=0"], "recall_temperature: 0.0 is not above 0"),
        (
            ["recall=high", "agree=3", "temperature=0.7"],
            "recall: high keeps the boxes that agree=3 drops: leave one of them out",
        ),
        (["score=mean"], "score: 'mean' is not one of none, mean_logprob, min_prob"),
        (
            ["boxes=head", "answer_units=pixels"],
            "boxes: a box head reads numbers of 0..1000: with answer_units",
        ),
        (["score=head", "agree=3", "temperature=0.7"], "its share of the votes, not score=head: leave one"),
        (["grammar=objects", "answer_units=pixels"], "with answer_units=pixels set grammar=none"),
    ],
)
def test_what_does_not_fit_is_named(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe(InferRecipe, DEMO, words)


def test_another_place_or_pace_gives_the_same_answers() -> None:
    words = [
        "engine=openai",
        "base_url=http://here:8000/v1",
        "model=m",
        "request={skip_special_tokens: false}",
    ]
    recipe = load_recipe(InferRecipe, DEMO, words)
    assert recipe.request == {"skip_special_tokens": False}
    moved = ["base_url=http://there:9000/v1", "concurrency=2", "timeout=9", "retries=0", "shard=0/2"]
    assert recipe.asks_the_same_as(load_recipe(InferRecipe, DEMO, [*words, *moved]))
    other = load_recipe(InferRecipe, DEMO, [*words, "model=n"])
    assert changed_keys(recipe, other) == "model=n (was m)"


def test_a_shards_files_have_its_numbers() -> None:
    recipe = load_recipe(InferRecipe, DEMO, ["shard=3/8"])
    assert recipe.file("predictions.jsonl.part").name == "predictions.3-of-8.jsonl.part"
    assert load_recipe(InferRecipe, DEMO).file("infer.yaml").name == "infer.yaml"


def test_a_password_in_the_address_is_not_saved(tmp_path: Path) -> None:
    words = ["engine=openai", "model=m", f"output_dir={tmp_path}"]
    address = "base_url=http://user:p%40ss-planted@here:8000/v1"
    recipe = load_recipe(InferRecipe, DEMO, [*words, address])
    save_recipe(recipe)
    assert "planted" not in (tmp_path / "infer.yaml").read_text()
    saved = saved_recipe(tmp_path)
    assert saved is not None
    assert saved.base_url == "http://here:8000/v1"
    check_saved_recipe(recipe)  # the run resumes with the address of its own recipe


def test_an_address_without_a_user_stays() -> None:
    for address in ("http://localhost:8000/v1", "https://here/@me/v1", "http://[::1]:80/v1", None):
        assert without_user(address) == address
    assert without_user("https://a:b@c@here") == "https://here"
