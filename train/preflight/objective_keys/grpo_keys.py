"""Checks of grounding_grpo: the answers of an update must make whole steps of one process's model."""

from collections.abc import Iterator
from pathlib import Path

from grounding.errors import UserError
from grounding.layout import JSONL_FILES
from train.keys import BACKEND_KEY, Backend
from train.objectives.grpo.difficulty import read_graded
from train.objectives.grpo.grpo_settings import KEY, GrpoSettings, read_grpo
from train.objectives.grpo.own_reward import load_reward
from train.objectives.grpo.update_steps import steps_of_update
from train.preflight.objective_keys.excluded_values import Exclusions, exclusion_problems
from train.recipe import TrainRecipe

NOT_SUPPORTED: Exclusions = (
    (BACKEND_KEY, (None, Backend.PLAIN.value), "the model that learns has to answer"),
    ("packing", (None, False), "answers are learned in batches of their own"),
    ("pipeline_model_parallel_size", (None, 1, -1), "a stage of a pipeline cannot answer"),
    ("context_parallel_size", (None, 1, -1), "a part of a sequence cannot answer"),
    ("sep_parallel_size", (None, 1, -1), "a part of a sequence cannot answer"),
    ("sequence_parallel", (None, False), "a single token cannot be divided"),
)


def grpo_keys(recipe: TrainRecipe) -> Iterator[str]:
    """The settings must be right, and fit the batch, the checkpoints and the model's classes."""
    if KEY not in recipe.values:
        return
    try:
        settings = read_grpo(recipe.values[KEY])
    except ValueError as error:
        yield str(error)
        return
    if settings is None:
        return
    yield from _other_keys(recipe, settings)
    batch = recipe.number("per_device_train_batch_size", 1)
    accumulated = recipe.number("gradient_accumulation_steps", 1)
    try:
        steps = steps_of_update(settings, batch, accumulated)
    except UserError as error:
        yield str(error)
        return
    for name, strategy in (("save_steps", "save_strategy"), ("max_steps", None)):
        is_used = strategy is None or recipe.get(strategy) == "steps"
        if is_used and recipe.number(name) % steps:
            yield f"{name}: {recipe.number(name)} ends within an update of {steps} steps: write a multiple"


def grpo_files(recipe: TrainRecipe) -> Iterator[str]:
    """A reward of the user's own must give a number, and grades must be those of the one data set."""
    try:
        settings = read_grpo(recipe.values.get(KEY))
    except ValueError:
        return  # reported by grpo_keys
    if settings is None:
        return
    try:
        load_reward(settings.reward)
    except UserError as error:
        yield f"{KEY}.reward: {error}"
    if not settings.graded:
        return
    if len(recipe.data_files("train")) != 1:
        yield f"{KEY}.graded: the grades are those of one data set: name it alone in train_dataset_path"
    try:
        read_graded(Path(settings.graded), settings.difficulty)
    except UserError as error:
        yield f"{KEY}.graded: {error}"


def _other_keys(recipe: TrainRecipe, settings: GrpoSettings) -> Iterator[str]:
    yield from exclusion_problems(recipe, KEY, NOT_SUPPORTED, lambda name, allowed: "leave it out")
    if "stage3" in str(recipe.values.get("sharding")):
        yield f"sharding: stage3 does not go with {KEY}, a part of the weights cannot answer: write stage1"
    if settings.keep_best and not recipe.number("grounding_eval_samples"):
        yield (
            f"grounding_eval_samples: {KEY}.keep_best chooses the result by F1 on held-out images: write 64, "
            "or keep_best: false"
        )
    if recipe.number("max_steps", -1) < 1:
        yield f"max_steps: must be set with {KEY}: sampled answers have no epoch"
    if recipe.number("max_seq_len", 8192) <= settings.max_new_tokens:
        yield f"{KEY}.max_new_tokens: {settings.max_new_tokens} leaves no room for a question in max_seq_len"
    for path in recipe.data_files("train"):
        if path.name != JSONL_FILES["train"]:
            yield f"train_dataset_path: '{path}': {KEY} needs a prepared data set's {JSONL_FILES['train']}"
