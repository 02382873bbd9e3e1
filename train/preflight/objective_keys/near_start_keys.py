"""Checks of grounding_l2_to_start: what it does not go with. Its range is in limits/number_ranges.py."""

from collections.abc import Iterator
from typing import Any

from train.keys import BACKEND_KEY, Backend
from train.objectives.near_start.near_start_settings import L2_KEY, usable_near_start
from train.recipe import PREFERENCES, TrainRecipe

WHOLE = (None, 1, 0, -1)
OFF = (None, False)
NOT_SUPPORTED: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    (BACKEND_KEY, (None, Backend.PLAIN.value), "paddlefleet's classes have adapters of another form"),
    ("grounding_grpo", (None,), "grounding_grpo.kl keeps a policy near its start"),
    ("continue_training", (None, True), "random weights are no start to stay near"),
    ("compute_type", (None, "bf16", "float32"), "gradients are scaled there"),
    ("lora_path", (None,), "the start would be that adapter: export it, and start there"),
    ("sd_release_grads", OFF, "the gradients of a slice are not kept"),
    ("stage1_tensor_fusion", OFF, "parameters lose their names"),
    ("stage1_overlap", OFF, "parameters lose their names"),
    ("sharding_parallel_config", (None, ""), "its switches are keys of their own"),
    ("pipeline_model_parallel_size", WHOLE, "it was not tested"),
    ("context_parallel_size", WHOLE, "it was not tested"),
    ("sep_parallel_size", WHOLE, "it was not tested"),
    ("expert_model_parallel_size", WHOLE, "it was not tested"),
)
"""A key, the values that it may have, and why no other."""


def near_start_keys(recipe: TrainRecipe) -> Iterator[str]:
    """With a penalty around the start, each key must be one with which the penalty is right."""
    if usable_near_start(recipe.values) is None:
        return
    if recipe.get("stage") == PREFERENCES:
        yield f"{L2_KEY}: stage {PREFERENCES} keeps the model near its start itself: leave it out"
    for stage in ("stage2", "stage3"):
        if stage in str(recipe.values.get("sharding")):
            yield f"sharding: {stage} does not go with {L2_KEY}, gradients are divided: write stage1"
    for name, allowed, why in NOT_SUPPORTED:
        if (value := recipe.values.get(name)) not in allowed:
            yield f"{name}: {value} does not go with {L2_KEY}, {why}: leave one of them out"
