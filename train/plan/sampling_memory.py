"""The memory of sampling answers during a training (train/objectives/grpo/rollouts.py)."""

from collections.abc import Mapping
from typing import Any

from models.lookup import find_family
from train.plan.activations import FLOAT32, number_bytes
from train.plan.gpu_layout import GpuLayout
from train.plan.micro_batch import grpo_settings
from train.recipe import TrainRecipe, learns_preferences

LOGIT_COPIES = 4
"""The logits of a step, those divided by the temperature, their probabilities, and these in order."""


def count_sampling(recipe: TrainRecipe, config: Mapping[str, Any], spread: GpuLayout) -> int:
    """Return the bytes on one GPU while the answers of an update are sampled, 0 without sampling.

    Each of those that are sampled at a time has keys and values for max_seq_len tokens of its own, twice, as
    buffers are copied when they grow, and float32 logits of the whole vocabulary.
    """
    settings = grpo_settings(recipe)
    if settings is None:
        return 0
    shape = find_family(config).text_shape(config)
    answers = min(settings.prompts * settings.group, settings.at_once or settings.prompts * settings.group)
    keys = 2 * shape.layers * -(-shape.key_width // spread.tensor) * number_bytes(recipe)
    cache = recipe.degree("max_seq_len") * keys
    return answers * (2 * cache + LOGIT_COPIES * shape.vocab_size * FLOAT32)


def needs_start_copy(recipe: TrainRecipe) -> bool:
    """Tell whether a run compares with a frozen copy of its start: an adapter can be switched off instead.

    Pairs are compared with it unless the recipe is reference_free, sampled answers if grounding_grpo.kl is
    set. Sharding does not divide it.
    """
    if recipe.is_lora:
        return False
    if learns_preferences(recipe.values):
        return not recipe.get("reference_free")
    settings = grpo_settings(recipe)
    return settings is not None and settings.kl > 0
