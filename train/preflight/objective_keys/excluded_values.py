"""Keys that an objective does not go with, but for some of their values."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from train.recipe import TrainRecipe

UNDIVIDED = (None, 1, 0, -1)
"""The values of a degree of parallelism that divide nothing."""

Exclusions = Sequence[tuple[str, tuple[Any, ...], str]]
"""A key, the values that it may have, and why no other."""


def exclusion_problems(
    recipe: TrainRecipe,
    objective: str,
    excluded: Exclusions,
    mend: Callable[[str, tuple[Any, ...]], str] = lambda name, allowed: "leave one of them out",
    *,
    with_defaults: bool = False,
) -> Iterator[str]:
    """Yield a problem for each value of a recipe that does not go with an objective, a key or a stage.

    `mend` says what to do, from the key and the values that it may have. `with_defaults`, the value of a key
    that the recipe leaves out is its default.
    """
    for name, allowed, why in excluded:
        value = recipe.get(name) if with_defaults else recipe.values.get(name)
        if value not in allowed:
            yield f"{name}: {value} does not go with {objective}, {why}: {mend(name, allowed)}"
