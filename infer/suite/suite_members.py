"""The members of a suite: each set in each way of asking, as a recipe with a folder of its own."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import suggestion
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
        UserError: a metric that does not exist, or a key of `ways` or `answers` that is none.
    """
    for metric in suite.metrics:
        if metric not in ALL_METRICS:
            raise UserError(f"{path}: metrics: unknown '{metric}'{suggestion(metric, ALL_METRICS)}")
    ways = suite.ways or {AS_PREPARED: {}}
    members = []
    for one in list_sets(suite, path):
        asked = ways if one.dataset is not None else {AS_PREPARED: {}}
        for way, keys in asked.items():
            recipe = _recipe(suite, path, one, {**suite.answers, **keys}, folder / one.name / str(way))
            if one.questions is not None:  # no boxes are asked for
                recipe = dataclasses.replace(recipe, score="none")
            members.append(Member(one, str(way), recipe))
    return members


def _recipe(
    suite: SuiteRecipe, path: Path, one: SuiteSet, keys: Mapping[str, Any], folder: Path
) -> InferRecipe:
    if own := [key for key in keys if key in OWN_KEYS]:
        raise UserError(f"{path}: {own[0]}: the suite sets it for each of its sets: leave it out")
    given = {**keys, "dataset": str(one.dataset or one.questions), "output_dir": str(folder)}
    if suite.checkpoint is not None:
        given["checkpoint"] = suite.checkpoint.replace(SET_MARK, one.name)
    try:
        recipe = load_settings(
            InferRecipe, [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items()]
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    if recipe.tensor_parallel > 1:
        raise UserError(
            f"{path}: tensor_parallel: a suite asks one process, or a server (engine=openai base_url=...)"
        )
    return recipe
