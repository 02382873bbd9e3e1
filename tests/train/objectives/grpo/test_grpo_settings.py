"""The settings of GRPO: what is refused, and what the check says of a recipe."""

from typing import Any

import pytest

from train.objectives.grpo.grpo_settings import GrpoSettings, read_grpo
from train.preflight.objective_keys.grpo_keys import grpo_keys
from train.recipe import TrainRecipe

RECIPE: dict[str, Any] = {
    "grounding_grpo": {"group": 8, "prompts": 4},
    "train_dataset_path": "data/coco/train.jsonl",
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 8,
    "max_steps": 100,
    "max_seq_len": 4096,
    "save_strategy": "steps",
    "save_steps": 50,
    "grounding_eval_samples": 64,
}


def test_nothing_switches_it_off() -> None:
    assert read_grpo(None) is None
    assert read_grpo({}) == GrpoSettings()
    assert read_grpo({"kl": 1, "group": 4}) == GrpoSettings(kl=1, group=4)  # 1 is a number, too
    assert list(grpo_keys(TrainRecipe({"max_steps": 3}))) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (True, "no mapping"),
        ({"grup": 8}, "did you mean 'group'"),
        ({"group": 8.0}, "float, must be int"),
        ({"truth": 1}, "int, must be bool"),
        ({"kl": "0.1"}, "str, must be float"),
        ({"group": 1}, "less than 2"),
        ({"prompts": 0}, "less than 1"),
        ({"temperature": 0.0}, "above 0"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"clip_low": 1.0}, "clip_low"),
        ({"clip_high": 0.0}, "clip_high"),
        ({"kl": -0.1}, "kl"),
        ({"at_once": -1}, "at_once must be 0 or more"),
        ({"refills": -1}, "refills"),
        ({"difficulty": 0.5}, "must be two numbers"),
        ({"difficulty": [0.1]}, "must be two numbers"),
        ({"difficulty": [0.1, "0.9"], "graded": "graded.jsonl"}, "must be two numbers"),
        ({"difficulty": [0.9, 0.1], "graded": "graded.jsonl"}, "the less first"),
        ({"difficulty": [0.2, 0.8]}, "difficulty needs grounding_grpo.graded"),
        ({"reward": "mAP"}, "neither boxes nor"),
        ({"reward": "mine.py"}, "neither boxes nor"),
        ({"reward": "mine.py:not a name"}, "neither boxes nor"),
    ],
)
def test_wrong_settings_are_refused_by_name(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_grpo(given)
    assert any(words in problem for problem in grpo_keys(TrainRecipe({**RECIPE, "grounding_grpo": given})))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"per_device_train_batch_size": 3}, "do not make whole steps"),
        ({"gradient_accumulation_steps": 4, "save_steps": 25}, "save_steps: 25 ends within an update of 2"),
        ({"gradient_accumulation_steps": 4, "max_steps": 99}, "max_steps: 99 ends within"),
        ({"grounding_grpo": {"inner_epochs": 3}}, "save_steps: 50 ends within an update of 3"),
        ({"packing": True}, "packing"),
        ({"pipeline_model_parallel_size": 2}, "pipeline"),
        ({"grounding_backend": "fleet"}, "grounding_backend"),
        ({"context_parallel_size": 2}, "context_parallel_size"),
        ({"sequence_parallel": True}, "sequence_parallel"),
        ({"sharding": "stage3"}, "sharding: stage3 does not go with"),
        ({"max_steps": -1}, "max_steps: must be set"),
        ({"grounding_eval_samples": 0}, "grounding_eval_samples: grounding_grpo.keep_best chooses"),
        ({"max_seq_len": 512}, "leaves no room"),
        ({"train_dataset_path": "mixed.jsonl"}, "needs a prepared data set's train.jsonl"),
    ],
)
def test_other_keys_must_fit(changed: dict[str, Any], words: str) -> None:
    assert list(grpo_keys(TrainRecipe(RECIPE))) == []
    assert any(words in problem for problem in grpo_keys(TrainRecipe({**RECIPE, **changed})))
