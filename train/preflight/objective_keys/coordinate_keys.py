"""Checks of grounding_coordinate_loss: what it does not go with. Its range is in limits/number_ranges.py."""

from collections.abc import Iterator

from train.keys import BACKEND_KEY, Backend
from train.objectives.coordinates.coordinate_settings import TAU_KEY, WEIGHT_KEY, usable_coordinates
from train.preflight.objective_keys.excluded_values import UNDIVIDED, Exclusions, exclusion_problems
from train.recipe import PREFERENCES, TrainRecipe

NOT_SUPPORTED: Exclusions = (
    (BACKEND_KEY, (None, Backend.PLAIN.value), "paddlefleet's classes have a loss of their own"),
    ("grounding_grpo", (None,), "sampled answers are learned by their rewards"),
    ("pipeline_model_parallel_size", UNDIVIDED, "the stages of a pipeline pass labels on alone"),
    ("context_parallel_size", UNDIVIDED, "the labels of a sequence are divided"),
    ("sep_parallel_size", UNDIVIDED, "the labels of a sequence are divided"),
)


def coordinate_keys(recipe: TrainRecipe) -> Iterator[str]:
    """With the loss of coordinates, each key must be one that it can be computed with."""
    if usable_coordinates(recipe.values) is None:
        if TAU_KEY in recipe.values and not recipe.values.get(WEIGHT_KEY):
            yield f"{TAU_KEY}: does nothing without {WEIGHT_KEY}: leave it out, or write {WEIGHT_KEY}: 0.1"
        return
    if recipe.get("stage") == PREFERENCES:
        yield f"{WEIGHT_KEY}: stage {PREFERENCES} compares whole answers: leave it out"
    yield from exclusion_problems(recipe, WEIGHT_KEY, NOT_SUPPORTED)
