"""Checks of the stage VL-DPO: what PaddleFormers leaves out, gets wrong, or refuses after its start there.

Source: PaddleFormers 1.2.0, cli/train/dpo/workflow.py and dpo_trainer.py where no file is named.
"""

from collections.abc import Iterator
from typing import Any

from train.keys import BACKEND_KEY, Backend
from train.preflight.objective_keys.excluded_values import Exclusions, exclusion_problems
from train.recipe import PREFERENCES, TrainRecipe

NOT_SUPPORTED: Exclusions = (
    (BACKEND_KEY, (Backend.PLAIN.value, None), "paddlefleet's classes get no pictures there"),
    ("packing", (False, None), "each pair is a sequence of its own"),
    ("padding_free", (False, None), "each pair is a sequence of its own"),
    ("dataset_type", ("iterable", None), "map keeps the pixels of all pictures in memory"),
    ("template_backend", ("custom", None), "jinja reads no pictures"),
    ("truncation_strategy", ("delete", None), "pairs longer than max_seq_len are dropped"),
    ("mix_strategy", ("concat", None), "pairs are read one after the other"),
    ("pipeline_model_parallel_size", (-1, 0, 1, None), "a stage of a pipeline gets no pictures"),
    ("context_parallel_size", (-1, 0, 1, None), "the mask of pairs is not split"),
    ("sequence_parallel", (False, None), "it is switched off for this model"),
    (
        "lora_path",
        (None,),
        "the reference would be the model without that adapter: export it, and start there",
    ),
    ("neftune", (False, None), "it is not applied"),
    ("ref_model_update_steps", (-1, 0, None), "a resumed run would count from its resume"),
    ("ignore_eos_token", (False, None), "the end of an answer is a part of it"),
    ("offset_alpha", (0, None), "pairs have no score there"),
    ("model_with_dpo_criterion", (False, None), "the trainer computes the loss"),
    ("grounding_grpo", (None,), "answers are sampled by infer.pairs, before the training"),
    (
        "grounding_eval_samples",
        (0, None),
        "pairs hold no answers to score by: run `python -m infer` afterwards",
    ),
)
"""A key, the values that it may have, and why no other."""

WITH_REFERENCE = ("kto_pair", "sppo_hard", "nca_pair", "dpop")
WITHOUT_REFERENCE = ("or", "simpo")
"""The losses that need a reference model, and those that have none (dpo_trainer.py, lines 84 to 100)."""


def preference_keys(recipe: TrainRecipe) -> Iterator[str]:
    """With pairs, each key must be one that training on them obeys."""
    if recipe.get("stage") != PREFERENCES:
        return
    yield from exclusion_problems(recipe, f"stage {PREFERENCES}", NOT_SUPPORTED, _instead, with_defaults=True)
    loss, is_free = recipe.get("loss_type"), bool(recipe.get("reference_free"))
    if is_free and loss in WITH_REFERENCE:
        yield f"reference_free: the loss {loss} compares with a reference model: write false"
    if not is_free and loss in WITHOUT_REFERENCE:
        yield f"reference_free: the loss {loss} has no reference model: write true"


def _instead(name: str, allowed: tuple[Any, ...]) -> str:
    """Say what to write: the default by leaving the key out, where that is allowed."""
    default = TrainRecipe({}).get(name)
    if default in allowed:
        return "leave it out"
    value = next(value for value in reversed(allowed) if value is not None)
    return f"write {str(value).lower() if isinstance(value, bool) else value}"
