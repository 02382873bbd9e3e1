"""Checks of grounding_box_head: its settings, its data, and what it does not go with."""

from collections.abc import Iterator

from train.keys import BACKEND_KEY, Backend
from train.objectives.joint_head.joint_settings import JOINT_KEY, read_joint, usable_joint
from train.picture_counts import first_with_several
from train.preflight.objective_keys.excluded_values import UNDIVIDED, Exclusions, exclusion_problems
from train.recipe import PREFERENCES, TrainRecipe

NOT_SUPPORTED: Exclusions = (
    (BACKEND_KEY, (None, Backend.PLAIN.value), "paddlefleet's classes have a loss of their own"),
    ("grounding_grpo", (None,), "sampled answers are learned by their rewards"),
    ("pipeline_model_parallel_size", UNDIVIDED, "the stages of a pipeline pass labels on alone"),
    ("context_parallel_size", UNDIVIDED, "the tokens of a box can be on two GPUs"),
    ("sep_parallel_size", UNDIVIDED, "the tokens of a box can be on two GPUs"),
    ("compute_type", (None, "bf16", "float32", "wint4", "wint8", "nf4"), "its loss would be scaled"),
)


def joint_head_keys(recipe: TrainRecipe) -> Iterator[str]:
    """The settings must be right, and each other key one that a head can be trained with."""
    try:
        settings = read_joint(recipe.values)
    except ValueError as error:
        yield str(error)
        return
    if settings is None:
        return
    if recipe.get("stage") == PREFERENCES:
        yield f"{JOINT_KEY}: stage {PREFERENCES} compares whole answers: leave it out"
    yield from exclusion_problems(recipe, JOINT_KEY, NOT_SUPPORTED)


def joint_head_pictures(recipe: TrainRecipe) -> Iterator[str]:
    """A head learns from records about one picture: its answers do not say which picture a box is in."""
    if usable_joint(recipe.values) is None:
        return
    for file in recipe.data_files("train"):
        if (several := first_with_several(file)) is not None:
            line, count = several
            yield (
                f"{JOINT_KEY}: {file}, line {line} has {count} pictures, and a head reads boxes of one "
                "picture: leave the key out, or the records"
            )
