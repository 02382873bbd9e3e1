from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.preflight.objective_keys.near_start_keys import near_start_keys
from train.recipe import TrainRecipe, resolve_recipe

ON = {"grounding_l2_to_start": 0.1}


def problems(make_recipe: Callable[..., Path], **changes: Any) -> list[str]:
    return list(near_start_keys(TrainRecipe(resolve_recipe(make_recipe(**changes)))))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grounding_backend": "fleet"}, "grounding_backend: fleet does not go with grounding_l2_to_start"),
        ({"grounding_grpo": {"group": 4}}, "grounding_grpo.kl keeps a policy near its start: leave one"),
        ({"stage": "VL-DPO"}, "grounding_l2_to_start: stage VL-DPO keeps the model near its start itself"),
        ({"sharding": "stage2"}, "sharding: stage2 does not go with"),
        ({"sharding": "stage3 offload"}, "sharding: stage3 does not go with"),
        ({"sharding": "stage1", "sd_release_grads": True}, "sd_release_grads: True does not go with"),
        ({"sharding": "stage1", "stage1_overlap": True}, "stage1_overlap: True does not go with"),
        ({"continue_training": False}, "random weights are no start"),
        ({"compute_type": "fp16"}, "compute_type: fp16 does not go with"),
        ({"fine_tuning": "LoRA", "lora_path": "old"}, "the start would be that adapter"),
        ({"pipeline_model_parallel_size": 2}, "pipeline_model_parallel_size: 2 does not go with"),
        ({"context_parallel_size": 2}, "context_parallel_size: 2 does not go with"),
        ({"expert_model_parallel_size": 2}, "expert_model_parallel_size: 2 does not go with"),
    ],
)
def test_what_a_penalty_cannot_be_computed_with_is_refused(
    make_recipe: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    [problem] = problems(make_recipe, **ON, **changes)
    assert said in problem
    assert problems(make_recipe, **changes) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tensor_model_parallel_size": 2, "sequence_parallel": True},
        {"fine_tuning": "LoRA", "lora_rank": 4, "sharding": "stage1"},
        {"sharding": "stage1", "sharding_parallel_size": 4, "split_param": False},
        {"compute_type": "bf16", "amp_master_grad": True, "fp16_opt_level": "O2"},
        {"grounding_backend": "plain", "pipeline_model_parallel_size": 1, "context_parallel_size": -1},
        {"grounding_grpo": None, "grounding_coordinate_loss": 0.1},
    ],
)
def test_what_it_goes_with_is_not(make_recipe: Callable[..., Path], changes: dict[str, Any]) -> None:
    assert problems(make_recipe, **ON, **changes) == []


def test_values_outside_of_their_range_are_left_to_the_check_of_numbers(
    make_recipe: Callable[..., Path],
) -> None:
    assert problems(make_recipe, grounding_l2_to_start=-1, sharding="stage3") == []
