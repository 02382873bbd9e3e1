from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.preflight.objective_keys.coordinate_keys import coordinate_keys
from train.recipe import TrainRecipe, resolve_recipe

ON = {"grounding_coordinate_loss": 0.1}


def problems(make_recipe: Callable[..., Path], **changes: Any) -> list[str]:
    return list(coordinate_keys(TrainRecipe(resolve_recipe(make_recipe(**changes)))))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"grounding_backend": "fleet"},
            "grounding_backend: fleet does not go with grounding_coordinate_loss",
        ),
        ({"grounding_grpo": {"group": 4}}, "sampled answers are learned by their rewards: leave one of them"),
        ({"stage": "VL-DPO"}, "grounding_coordinate_loss: stage VL-DPO compares whole answers: leave it out"),
        ({"pipeline_model_parallel_size": 2}, "pipeline_model_parallel_size: 2 does not go with"),
        ({"context_parallel_size": 2}, "context_parallel_size: 2 does not go with"),
        ({"sep_parallel_size": 2}, "sep_parallel_size: 2 does not go with"),
    ],
)
def test_what_the_loss_cannot_be_computed_with_is_refused(
    make_recipe: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    [problem] = problems(make_recipe, **ON, **changes)
    assert said in problem
    assert problems(make_recipe, **changes) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"grounding_coordinate_tau": 8.0},
        {"packing": True},
        {"padding_free": True},
        {"tensor_model_parallel_size": 2, "sequence_parallel": True},
        {"fine_tuning": "LoRA", "lora_rank": 4, "sharding": "stage1"},
        {"grounding_backend": "plain", "pipeline_model_parallel_size": 1, "context_parallel_size": -1},
        {"grounding_grpo": None},
    ],
)
def test_what_it_goes_with_is_not(make_recipe: Callable[..., Path], changes: dict[str, Any]) -> None:
    assert problems(make_recipe, **ON, **changes) == []


def test_a_tau_alone_does_nothing(make_recipe: Callable[..., Path]) -> None:
    for off in ({}, {"grounding_coordinate_loss": 0}):
        [problem] = problems(make_recipe, grounding_coordinate_tau=8.0, **off)
        assert problem.startswith("grounding_coordinate_tau: does nothing without grounding_coordinate_loss")


def test_values_outside_of_their_range_are_left_to_the_check_of_numbers(
    make_recipe: Callable[..., Path],
) -> None:
    assert problems(make_recipe, grounding_coordinate_loss=-1, grounding_grpo={"group": 4}) == []
