"""The keys of a recipe that change what a model answers, or how sure of it its tokens look."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from infer.recipe import InferRecipe

SAME_CONFIDENCE = (
    "checkpoint",
    "base_checkpoint",
    "engine",
    "batch_size",
    "max_new_tokens",
    "seed",
    "device",
    "dtype",
    "tensor_parallel",
    "score",
    "calibration",
    "base_url",
    "model",
    "concurrency",
    "timeout",
    "retries",
    "dataset",
    "output_dir",
    "split",
    "limit",
    "shard",
    "max_detections",
    "overwrite",
)
"""The keys that leave a box's confidence what it is: the model is told by its fingerprint."""


def answer_keys(recipe: InferRecipe) -> dict[str, Any]:
    """Return the other keys of a recipe with their values; verify=mark changes no box, and counts as none."""
    keys = {key: value for key, value in dataclasses.asdict(recipe).items() if key not in SAME_CONFIDENCE}
    return keys | {"verify": "none" if recipe.verify == "mark" else recipe.verify}


def describe_changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the keys with other values; "" where there are none. A key that one side lacks has its default."""
    usual = {field.name: _default(field) for field in dataclasses.fields(InferRecipe)}
    changed = [
        key
        for key in sorted(before.keys() | now.keys())
        if before.get(key, usual.get(key)) != now.get(key, usual.get(key))
    ]
    return ", ".join(
        f"{key}={now.get(key, usual.get(key))} (was {before.get(key, usual.get(key))})" for key in changed
    )


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else field.default_factory()
