"""The members of a suite: each set in each way of asking, as a recipe with a folder of its own."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import has_key, key_names, suggestion
from grounding.suites.suite_recipe import AS_PREPARED, SET_MARK, SuiteRecipe
from grounding.suites.suite_sets import SuiteSet, list_sets
from infer.recipe import InferRecipe
from infer.scoring.metrics.catalogue import ALL_METRICS

OWN_KEYS = ("checkpoint", "dataset", "output_dir", "split", "shard")
"""Keys of an infer recipe that the suite sets itself."""


@dataclass(frozen=True)
class Member:
    """A set, the way in which it is asked, and the recipe that asks; its `dataset` is POPE's file."""

    suite_set: SuiteSet
    way: str
    recipe: InferRecipe

    @property
    def name(self) -> str:
        """The member's name in messages, which is that of its folder."""
        return f"{self.suite_set.name}/{self.way}"


def list_members(suite: SuiteRecipe, path: Path, folder: Path) -> list[Member]:
    """Return the members of a suite in the order of its sets; each answers into `folder`/SET/WAY.

    POPE's questions are asked as they are written, once, whatever the ways.

    Raises:
        UserError: as `check_asked`, and sets that are none.
    """
    check_asked(suite, path)
    members = []
    for one in list_sets(suite, path):
        asked = _ways(suite) if one.dataset is not None else {AS_PREPARED: {}}
        for way, keys in asked.items():
            recipe = _recipe(suite, path, one, (str(way), keys), folder)
            if one.questions is not None:  # no boxes are asked for
                recipe = dataclasses.replace(recipe, score="none")
            members.append(Member(one, str(way), recipe))
    return members


def check_asked(suite: SuiteRecipe, path: Path) -> None:
    """Check how a suite asks and what it shows, whether or not its sets and its checkpoint are there.

    Raises:
        UserError: a metric that does not exist, or a key or value of `ways` or `answers` that is none.
    """
    for metric in suite.metrics:
        if metric not in ALL_METRICS:
            raise UserError(f"{path}: metrics: unknown '{metric}'{suggestion(metric, ALL_METRICS)}")
    for place, keys in _places(suite):
        if problems := list(_wrong_keys(keys)):
            raise UserError(f"{path}: {place}: {'; '.join(problems)}")
    some = SuiteSet("set", dataset=Path("dataset"))
    ways = list(_ways(suite).items())
    if any("questions" in keys for keys in suite.sets.values()):
        ways.append((AS_PREPARED, {}))
    for name, keys in ways:
        _recipe(suite, path, some, (str(name), keys), Path("answers"))


def _ways(suite: SuiteRecipe) -> Mapping[str, Mapping[str, Any]]:
    return suite.ways or {AS_PREPARED: {}}


def _places(suite: SuiteRecipe) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "answers", suite.answers
    for way, keys in suite.ways.items():
        yield f"ways.{way}", keys


def _wrong_keys(keys: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield what is wrong with the names of keys; nested keys are dotted."""
    for name, value in keys.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and value and has_key(InferRecipe, key):
            yield from _wrong_keys(value, f"{key}.")
        elif key in OWN_KEYS:
            yield f"{key}: the suite sets it for each of its sets: leave it out"
        elif not has_key(InferRecipe, key):
            yield f"unknown key '{key}'{suggestion(key, key_names(InferRecipe))}"


def _recipe(
    suite: SuiteRecipe, path: Path, one: SuiteSet, way: tuple[str, Mapping[str, Any]], folder: Path
) -> InferRecipe:
    """Return the recipe that asks a set in a way, a name with its keys.

    Raises:
        UserError: a value that is none, by the place in the suite that gives it.
    """
    name, own = way
    given = {**suite.answers, **own, "dataset": str(one.dataset or one.questions)}
    given["output_dir"] = str(folder / one.name / name)
    if suite.checkpoint is not None:
        given["checkpoint"] = suite.checkpoint.replace(SET_MARK, one.name)
    try:
        recipe = load_settings(
            InferRecipe, [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items()]
        )
        if recipe.tensor_parallel > 1:
            raise UserError(
                "tensor_parallel: a suite asks one process, or a server (engine=openai base_url=...)"
            )
    except UserError as error:
        raise UserError(f"{path}: {_place_of(str(error), name, own, suite.answers)}{error}") from error
    return recipe


def _place_of(message: str, way: str, own: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    """Return `ways.NAME.` or `answers.` if the message begins with one of its keys, else ""."""
    key = message.partition(":")[0]
    if key in own:
        return f"ways.{way}."
    return "answers." if key in shared else ""
