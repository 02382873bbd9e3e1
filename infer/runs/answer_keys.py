"""The keys of a recipe that change what a model answers, or how sure of it its tokens look."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from infer.engines.settings import EngineSettings
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


SHOWN, MOST_SHOWN = 60, 8
"""Characters of a key or value, and keys, in a message."""


def answer_keys(settings: EngineSettings) -> dict[str, Any]:
    """Return the other keys of an engine or a recipe; verify=mark changes no box, and counts as none."""
    keys = {key: value for key, value in dataclasses.asdict(settings).items() if key not in SAME_CONFIDENCE}
    if keys.get("verify") == "mark":
        keys["verify"] = "none"
    return keys


def describe_changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the keys with other values; "" where there are none. A key that one side lacks has its default."""
    usual = {field.name: _default(field) for field in dataclasses.fields(InferRecipe)}
    pairs = {
        key: (before.get(key, usual.get(key)), now.get(key, usual.get(key)))
        for key in sorted(before.keys() | now.keys())
    }
    changed = [
        f"{key[:SHOWN]}={_shown(new)} (was {_shown(old)})" for key, (old, new) in pairs.items() if old != new
    ]
    return ", ".join(changed[:MOST_SHOWN])


def _shown(value: Any) -> str:
    """Return a value as text; that of a stranger's calibration can be long."""
    return str(value)[:SHOWN]


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else field.default_factory()
