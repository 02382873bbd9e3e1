"""Small model folders of random numbers in several files and types, and an adapter on one of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

SHARDS = (("a.weight", "b.weight"), ("c.bias",))
SHAPES = {"a.weight": (5, 7), "b.weight": (3,), "c.bias": (2, 2, 2)}

TOKENIZER = {
    "added_tokens": [{"id": 2, "content": "<|end|>"}],
    "model": {"vocab": {"a": 0, "b": 1}, "merges": []},
}


def numbers(seed: int) -> dict[str, Any]:
    made = np.random.default_rng(seed)
    return {name: made.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def write_model(folder: Path, tensors: Mapping[str, Any], *, shards: Any = SHARDS) -> Path:
    folder.mkdir(parents=True)
    names = [f"model-{place:05d}-of-{len(shards):05d}.safetensors" for place in range(1, len(shards) + 1)]
    for name, part in zip(names, shards, strict=True):
        save_file({tensor: tensors[tensor] for tensor in part}, folder / name)
    index = {tensor: name for name, part in zip(names, shards, strict=True) for tensor in part}
    write(folder / "model.safetensors.index.json", {"weight_map": index})
    write(folder / "config.json", {"model_type": "qwen3_vl"})
    write(folder / "tokenizer.json", TOKENIZER)
    return folder


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """In one file, where the tuned one is in two."""
    return write_model(tmp_path / "base", numbers(1), shards=(tuple(SHAPES),))


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tuned", numbers(2))
