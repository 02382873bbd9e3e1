"""Which matrices of a model get adapters: all that PaddleFormers names, or those of attention alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from train.keys import LORA_TARGETS_KEY, LoraTargets

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "attn.qkv", "attn.proj")
"""Parts of PaddleFormers' patterns for matrices of attention, of language model and vision tower."""


def adapts_attention_alone(values: Mapping[str, Any]) -> bool:
    """Tell whether a recipe's adapters are on attention alone."""
    return values.get(LORA_TARGETS_KEY) == LoraTargets.ATTENTION.value


def attention_targets(targets: Sequence[str]) -> list[str]:
    """Return those of PaddleFormers' patterns for adapters that are for matrices of attention."""
    return [target for target in targets if any(part in target for part in ATTENTION)]
