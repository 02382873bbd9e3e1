"""The choice of matrices for adapters goes with new adapters alone."""

from typing import Any

import pytest

from train.keys import known_keys, type_problem
from train.preflight.key_values import adapter_keys
from train.recipe import TrainRecipe

LORA = {"fine_tuning": "LoRA", "grounding_lora_targets": "attention"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (LORA, ""),
        ({"fine_tuning": "full"}, ""),
        ({**LORA, "fine_tuning": "full"}, "does nothing without fine_tuning: LoRA"),
        ({**LORA, "lora_path": "checkpoints/lora"}, "the adapter of lora_path has its matrices already"),
    ],
)
def test_the_targets_of_adapters_need_new_adapters(values: dict[str, Any], message: str) -> None:
    said = " ".join(adapter_keys(TrainRecipe(values)))
    assert bool(said) == bool(message)
    assert message in said


def test_other_words_are_refused() -> None:
    problem = type_problem(known_keys()["grounding_lora_targets"], "mlp")
    assert problem == "grounding_lora_targets: 'mlp' is none of all, attention"
