from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.suites.suite_recipe import SuiteRecipe, load_suite
from infer.suite.suite_members import list_members

PATH = Path("suite.yaml")
RECIPES = sorted((Path(__file__).parents[3] / "recipes" / "suites").glob("*.yaml"))


def suite(**changes: Any) -> SuiteRecipe:
    return SuiteRecipe(
        **({"metrics": ["AP"], "sets": {"a": {"dataset": "data/a"}}, "checkpoint": "model"} | changes)
    )


def test_a_way_replaces_what_holds_for_all() -> None:
    ways = {"once": {}, "each": {"per_category": True, "batch_size": 3}}
    once, each = list_members(suite(ways=ways, answers={"batch_size": 2, "limit": 5}), PATH, Path("out"))
    assert (once.name, once.recipe.output_dir) == ("a/once", "out/a/once")
    assert (once.recipe.batch_size, once.recipe.per_category, once.recipe.limit) == (2, False, 5)
    assert (each.recipe.batch_size, each.recipe.per_category, each.recipe.limit) == (3, True, 5)


def test_yes_no_questions_are_asked_once_whatever_the_ways() -> None:
    sets = {"p": {"questions": "q.json", "images": "images"}}
    ways = {"once": {}, "each": {"per_category": True}}
    (member,) = list_members(
        suite(sets=sets, ways=ways, answers={"score": "mean_logprob"}), PATH, Path("out")
    )
    assert (member.way, member.recipe.score, member.recipe.per_category) == ("as_prepared", "none", False)


def test_a_server_needs_no_checkpoint() -> None:
    answers = {"engine": "openai", "base_url": "http://localhost:8000/v1", "model": "grounding"}
    (member,) = list_members(suite(checkpoint=None, answers=answers), PATH, Path("out"))
    assert member.recipe.resolve_checkpoint() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["APs50"]}, "metrics: unknown 'APs50', did you mean 'AP50'"),
        ({"answers": {"batchsize": 3}}, "unknown key 'batchsize', did you mean 'batch_size'"),
        ({"ways": {"a": {"zoom": "much"}}}, "zoom: 'much' is not one of"),
        ({"ways": {"a": {"split": "train"}}}, "split: the suite sets it"),
        ({"answers": {"tensor_parallel": 2}}, "tensor_parallel: a suite asks one process"),
        ({"checkpoint": None}, "checkpoint must be set"),
    ],
)
def test_other_keys_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        list_members(suite(**changes), PATH, Path("out"))


@pytest.mark.parametrize("path", [path for path in RECIPES if not path.stem.startswith("rf")])
def test_the_recipes_have_members(path: Path) -> None:
    members = list_members(load_suite(path, ["checkpoint=model"]), path, Path("out"))
    assert len({member.name for member in members}) == len(members) > 1
