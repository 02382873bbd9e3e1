"""Checks of grounding_l2_to_start and grounding_ewc: what they do not go with, and the file of the latter.

The range of grounding_l2_to_start is in limits/number_ranges.py.
"""

from collections.abc import Iterator
from pathlib import Path

from grounding.errors import UserError
from models.hub_downloads import is_hub_id
from train.keys import BACKEND_KEY, Backend
from train.objectives.near_start.fisher_file import check_fisher, read_fisher_card
from train.objectives.near_start.near_start_settings import (
    EWC_KEY,
    L2_KEY,
    read_near_start,
    usable_near_start,
)
from train.preflight.objective_keys.excluded_values import UNDIVIDED, Exclusions, exclusion_problems
from train.recipe import PREFERENCES, TrainRecipe

OFF = (None, False)
NOT_SUPPORTED: Exclusions = (
    (BACKEND_KEY, (None, Backend.PLAIN.value), "paddlefleet's classes have adapters of another form"),
    ("grounding_grpo", (None,), "grounding_grpo.kl keeps a policy near its start"),
    ("continue_training", (None, True), "random weights are no start to stay near"),
    ("compute_type", (None, "bf16", "float32"), "gradients are scaled there"),
    ("lora_path", (None,), "the start would be that adapter: export it, and start there"),
    ("sd_release_grads", OFF, "the gradients of a slice are not kept"),
    ("stage1_tensor_fusion", OFF, "parameters lose their names"),
    ("stage1_overlap", OFF, "parameters lose their names"),
    ("sharding_parallel_config", (None, ""), "its switches are keys of their own"),
    ("pipeline_model_parallel_size", UNDIVIDED, "it was not tested"),
    ("context_parallel_size", UNDIVIDED, "it was not tested"),
    ("sep_parallel_size", UNDIVIDED, "it was not tested"),
    ("expert_model_parallel_size", UNDIVIDED, "it was not tested"),
)


def near_start_keys(recipe: TrainRecipe) -> Iterator[str]:
    """With a penalty around the start, each key must be one with which the penalty is right."""
    try:
        read_near_start({**recipe.values, L2_KEY: 0.0})
    except ValueError as error:  # of grounding_ewc
        yield str(error)
    settings = usable_near_start(recipe.values)
    if settings is None:
        return
    key = L2_KEY if settings.l2 else EWC_KEY
    if recipe.get("stage") == PREFERENCES:
        yield f"{key}: stage {PREFERENCES} keeps the model near its start itself: leave it out"
    for stage in ("stage2", "stage3"):
        if stage in str(recipe.values.get("sharding")):
            yield f"sharding: {stage} does not go with {key}, gradients are divided: write stage1"
    yield from exclusion_problems(recipe, key, NOT_SUPPORTED)


def near_start_files(recipe: TrainRecipe) -> Iterator[str]:
    """The Fisher information must be that of the model from which the run starts.

    That of a model on a hub is compared when the run has fetched it.
    """
    settings = usable_near_start(recipe.values)
    if settings is None or settings.ewc is None:
        return
    try:
        if is_hub_id(recipe.model) or not Path(recipe.model).is_dir():
            read_fisher_card(settings.ewc.fisher)
        else:
            check_fisher(settings.ewc.fisher, Path(recipe.model))
    except UserError as error:
        yield f"{EWC_KEY}.fisher: {error}"
