"""Keys that an objective does not go with, but for some of their values."""

from collections.abc import Iterator, Sequence
from typing import Any

from train.recipe import TrainRecipe

UNDIVIDED = (None, 1, 0, -1)
"""The values of a degree of parallelism that divide nothing."""

Exclusions = Sequence[tuple[str, tuple[Any, ...], str]]
"""A key, the values that it may have, and why no other."""


def exclusion_problems(recipe: TrainRecipe, key: str, excluded: Exclusions) -> Iterator[str]:
    """Yield a problem for each value of a recipe that does not go with the objective of `key`."""
    for name, allowed, why in excluded:
        if (value := recipe.values.get(name)) not in allowed:
            yield f"{name}: {value} does not go with {key}, {why}: leave one of them out"
