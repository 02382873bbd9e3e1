from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.preflight.objective_keys.preference_keys import NOT_SUPPORTED, preference_keys
from train.recipe import TrainRecipe, resolve_recipe


def problems(make_recipe: Callable[..., Path], **changes: Any) -> list[str]:
    return list(preference_keys(TrainRecipe(resolve_recipe(make_recipe(**changes)))))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"packing": True},
            "packing: True does not go with stage VL-DPO, each pair is a sequence of its own",
        ),
        ({"grounding_backend": "fleet"}, "grounding_backend: fleet does not go with stage VL-DPO"),
        ({"grounding_eval_samples": 8}, "grounding_eval_samples: 8 does not go with stage VL-DPO"),
        (
            {"grounding_grpo": {"group": 4}},
            "answers are sampled by infer.pairs, before the training: leave it",
        ),
        ({"lora_path": "run"}, "the reference would be the model without that adapter"),
        ({"ref_model_update_steps": 10}, "a resumed run would count from its resume: leave it out"),
        ({"pipeline_model_parallel_size": 2}, "pipeline_model_parallel_size: 2"),
        ({"ignore_eos_token": True}, "ignore_eos_token: True"),
        ({"offset_alpha": 0.5}, "offset_alpha: 0.5"),
        ({"dataset_type": "map"}, "dataset_type: map"),
        ({"truncation_strategy": "right"}, "truncation_strategy: right"),
        ({"reference_free": True, "loss_type": "dpop"}, "reference_free: the loss dpop compares with a"),
        ({"loss_type": "simpo"}, "reference_free: the loss simpo has no reference model: write true"),
    ],
)
def test_what_training_on_pairs_does_not_obey_is_refused(
    make_recipe: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    [problem] = problems(make_recipe, stage="VL-DPO", **changes)
    assert said in problem
    if "reference_free" not in problem:
        assert problems(make_recipe, stage="VL-SFT", **changes) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss_type": "ipo"},
        {"loss_type": "ipo", "reference_free": True},
        {"loss_type": "simpo", "reference_free": True},
        {"pref_loss_ratio": 0.8, "sft_loss_ratio": 1.0, "label_smoothing": 0.1, "normalize_logps": True},
        {"fine_tuning": "LoRA", "freeze_config": "freeze_vision", "tensor_model_parallel_size": 2},
    ],
)
def test_the_other_keys_pass(make_recipe: Callable[..., Path], changes: dict[str, Any]) -> None:
    assert problems(make_recipe, stage="VL-DPO", **changes) == []


def test_the_defaults_of_paddleformers_pass() -> None:
    assert list(preference_keys(TrainRecipe({"stage": "VL-DPO"}))) == []


@pytest.mark.parametrize("name", [name for name, _, _ in NOT_SUPPORTED])
def test_each_key_is_one_that_recipes_have(name: str) -> None:
    from train.keys import known_keys

    assert name in known_keys()
