"""Checks of grounding_coordinate_loss: what it does not go with. Its range is in limits/number_ranges.py."""

from collections.abc import Iterator
from typing import Any

from train.keys import BACKEND_KEY, Backend
from train.objectives.coordinates.coordinate_settings import TAU_KEY, WEIGHT_KEY, usable_coordinates
from train.recipe import PREFERENCES, TrainRecipe

WHOLE = (None, 1, 0, -1)
NOT_SUPPORTED: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    (BACKEND_KEY, (None, Backend.PLAIN.value), "paddlefleet's classes have a loss of their own"),
    ("grounding_grpo", (None,), "sampled answers are learned by their rewards"),
    ("pipeline_model_parallel_size", WHOLE, "the stages of a pipeline pass labels on alone"),
    ("context_parallel_size", WHOLE, "the labels of a sequence are divided"),
    ("sep_parallel_size", WHOLE, "the labels of a sequence are divided"),
)
"""A key, the values that it may have, and why no other."""


def coordinate_keys(recipe: TrainRecipe) -> Iterator[str]:
    """With the loss of coordinates, each key must be one that it can be computed with."""
    if usable_coordinates(recipe.values) is None:
        if TAU_KEY in recipe.values and not recipe.values.get(WEIGHT_KEY):
            yield f"{TAU_KEY}: does nothing without {WEIGHT_KEY}: leave it out, or write {WEIGHT_KEY}: 0.1"
        return
    if recipe.get("stage") == PREFERENCES:
        yield f"{WEIGHT_KEY}: stage {PREFERENCES} compares whole answers: leave it out"
    for name, allowed, why in NOT_SUPPORTED:
        if (value := recipe.values.get(name)) not in allowed:
            yield f"{name}: {value} does not go with {WEIGHT_KEY}, {why}: leave one of them out"
