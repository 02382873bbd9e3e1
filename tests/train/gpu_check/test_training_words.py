"""The trainings for machines with GPUs, which the tests do not have, pass the checks of the recipe."""

from collections.abc import Callable
from pathlib import Path

import pytest

from train.gpu_check.all_steps import all_steps
from train.gpu_check.step import Step
from train.gpu_check.training_words import ON_GPU
from train.gpu_check.workplace import Workplace
from train.plan.gpu_layout import spread_over_gpus
from train.preflight.all_checks import RECIPE_CHECKS, check_recipe
from train.preflight.degrees import model_fits_degrees
from train.recipe import TrainRecipe, resolve_recipe

TRAINING_STEPS = [step for step in all_steps(with_fleet=True) if step.number >= 5]


@pytest.mark.parametrize("step", TRAINING_STEPS, ids=lambda step: step.name)
def test_each_training_on_gpus_is_a_recipe_without_a_problem(
    step: Step, make_place: Callable[..., Workplace]
) -> None:
    place = make_place(8)
    mixture = Path("Qwen/Qwen3-VL-30B-A3B-Instruct")
    place.save_models(Path("Qwen/Qwen3-VL-2B-Instruct"), Path("Qwen/Qwen3-VL-2B-Instruct"), mixture)
    trainings = step.trains(place)
    assert max(training.gpus for training in trainings) == step.needs.gpus
    for training in trainings:
        words = training.overrides
        check_recipe(training.recipe, words, (*RECIPE_CHECKS, model_fits_degrees))
        recipe = TrainRecipe(resolve_recipe(training.recipe, words), has_gpu=True, gpus=training.gpus)
        assert spread_over_gpus(recipe, training.gpus).gpus == training.gpus
        assert recipe.is_fleet == step.name.endswith("-fleet")
        assert training.run.is_relative_to(place.folder_of(step.name))
        assert recipe.number("max_seq_len") == ON_GPU["max_seq_len"]
        assert place.visible(training.gpus)["CUDA_VISIBLE_DEVICES"].count(",") == training.gpus - 1
