import re
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.suites.suite_recipe import SuiteRecipe, load_suite
from infer.suite.suite_members import check_asked, list_members

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
        (
            {"answers": {"batchsize": 3}},
            "suite.yaml: answers: unknown key 'batchsize', did you mean 'batch_size'",
        ),
        (
            {"ways": {"a": {}, "b": {"per_categry": True}}},
            "suite.yaml: ways.b: unknown key 'per_categry', did you mean 'per_category'",
        ),
        (
            {"answers": {"yes_no": {"hihg": 3}}},
            "answers: unknown key 'yes_no.hihg', did you mean 'yes_no.high'",
        ),
        ({"ways": {"a": {"zoom": "much"}}}, "suite.yaml: ways.a.zoom: 'much' is not one of"),
        ({"ways": {"a": {"batch_size": "two"}}}, "suite.yaml: ways.a.batch_size: Value 'two'"),
        ({"ways": {"a": {"batch_size": 2}}, "answers": {"zoom": "no"}}, "suite.yaml: answers.zoom: 'no' is"),
        ({"ways": {"a": {"split": "train"}}}, "ways.a: split: the suite sets it"),
        ({"answers": {"tensor_parallel": 2}}, "answers.tensor_parallel: a suite asks one process"),
        ({"checkpoint": None}, "checkpoint must be set"),
    ],
)
def test_other_keys_are_refused_whatever_the_sets(changes: dict[str, Any], message: str) -> None:
    yes_no = {"sets": {"p": {"questions": "q.json", "images": "images"}}}
    without_sets = {"sets": {}, "datasets": "gone/*"}
    for sets in ({}, yes_no, without_sets):
        with pytest.raises(UserError, match=re.escape(message)):
            list_members(suite(**changes, **sets), PATH, Path("out"))


def test_a_way_that_is_called_as_prepared_is_not_that_of_yes_no_questions() -> None:
    sets = {"p": {"questions": "q.json", "images": "images"}, "a": {"dataset": "data/a"}}
    pope, boxes = list_members(suite(sets=sets, ways={"as_prepared": {"limit": 3}}), PATH, Path("out"))
    assert (pope.recipe.limit, boxes.recipe.limit) == (None, 3)


def test_answers_that_only_a_way_completes_are_checked_where_they_stand_alone() -> None:
    keys = {"answers": {"agree": 3}, "ways": {"warm": {"temperature": 0.7}}}
    check_asked(suite(**keys), PATH)
    yes_no = {"p": {"questions": "q.json", "images": "images"}}
    with pytest.raises(UserError, match=re.escape("suite.yaml: answers.agree: 3 answers are all the same")):
        check_asked(suite(**keys, sets=yes_no), PATH)


@pytest.mark.parametrize("path", RECIPES)
def test_the_recipes_have_members(path: Path) -> None:
    members = list_members(load_suite(path, ["checkpoint=model"]), path, Path("out"))
    assert len({member.name for member in members}) == len(members) > 1
