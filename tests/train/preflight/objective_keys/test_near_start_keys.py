from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.folder_files import fingerprint_model
from train.objectives.near_start.fisher_file import AGAIN, FisherCard, save_fisher
from train.preflight.objective_keys.near_start_keys import near_start_files, near_start_keys
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


EWC = {"grounding_ewc": {"fisher": "fisher.safetensors", "weight": 10.0}}


def test_ewc_is_checked_alike(make_recipe: Callable[..., Path]) -> None:
    assert problems(make_recipe, **EWC) == []
    [problem] = problems(make_recipe, **EWC, sharding="stage3")
    assert "stage3 does not go with grounding_ewc" in problem
    [problem] = problems(make_recipe, grounding_ewc={"weight": 10.0}, sharding="stage3")
    assert problem.startswith("grounding_ewc.fisher: is missing")


def test_the_file_must_be_there_and_that_of_the_model(
    make_recipe: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    file = tmp_path / "fisher.safetensors"
    settings = {"grounding_ewc": {"fisher": str(file), "weight": 10.0}}

    def found(**changes: Any) -> list[str]:
        return list(near_start_files(TrainRecipe(resolve_recipe(make_recipe(**settings, **changes)))))

    assert found() == [f"grounding_ewc.fisher: {file}: no such file: {AGAIN}"]
    save_fisher(
        {"weight": np.zeros(1, "float32")}, card_of(fingerprint_model(tiny_model, None, tiny_model)), file
    )
    assert found() == []
    save_fisher({"weight": np.zeros(1, "float32")}, card_of("other"), file)
    [problem] = found()
    assert problem.startswith(f"grounding_ewc.fisher: {file}: was measured at another checkpoint than")
    assert found(model_name_or_path="Qwen/Qwen3-VL-8B-Instruct") == []  # compared when it is fetched
    assert list(near_start_files(TrainRecipe(resolve_recipe(make_recipe())))) == []


def card_of(checkpoint: str) -> FisherCard:
    return FisherCard(checkpoint, data="", records=1, tokens=1, dropped=0, settings={})
