"""Merge an adapter into weight files: W + scaling x (A B).

PaddleFormers' own export writes another model than the one that was trained: it cuts the fused
query-key-value matrix into three blocks, and the model groups it by key-value head.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import replacing
from models.libraries import blaming
from train.keys import quiet_imports

QKV = ("q_proj", "k_proj", "v_proj")
GATE_UP = ("gate_proj", "up_proj")
FUSED = {"qkv_proj": QKV, "up_gate_proj": GATE_UP}
"""PaddleFormers' fused matrices, and the ones that Hugging Face stores instead."""

METADATA = {"format": "pt"}
"""Hugging Face's tools need this in a weight file's header."""


Delta = Callable[[], Any]
"""Computes what an adapter adds to a weight: all of a large model's at once would not fit into memory."""


def read_deltas(run: Path, scaling: float, text_config: dict[str, Any]) -> dict[str, Delta]:
    """Return what the adapter adds to each weight, by Hugging Face name, float32, shaped as it is stored.

    The adapter stores A as (in, rank) and B as (rank, out), for fused matrices fused, and for the experts of
    a layer as (experts, in, rank) and (experts, rank, out).

    Raises:
        UserError: a file cannot be read, or holds half of a matrix.
    """
    factors: dict[str, Any] = {}
    for file in sorted(run.glob("peft_model*.safetensors")):
        factors |= load_tensors(file)
    deltas: dict[str, Delta] = {}
    for name in sorted(factor.removesuffix("lora_A") for factor in factors if factor.endswith("lora_A")):
        if f"{name}lora_B" not in factors:
            raise UserError(f"{run}: the adapter has {name}lora_A and no {name}lora_B: copy it again")
        product = partial(_product, factors[f"{name}lora_A"], factors[f"{name}lora_B"], scaling)
        layer, _, matrix = name[:-1].rpartition(".")
        if name.endswith("_"):  # gate_up_proj_lora_A: experts, which are stored as (experts, in, out)
            deltas[f"{layer}.{matrix}"] = product
            continue
        for part in FUSED.get(matrix, (matrix,)):
            deltas[f"{layer}.{part}.weight"] = partial(_part, product, matrix, part, text_config)
    return deltas


def _product(down: Any, up: Any, scaling: float) -> Any:
    return (down.astype("float32") @ up.astype("float32")) * scaling


def _part(product: Delta, matrix: str, part: str, text_config: dict[str, Any]) -> Any:
    return split_fused(matrix, product().transpose([1, 0]), text_config)[part]


def split_fused(matrix: str, delta: Any, text_config: dict[str, Any]) -> dict[str, Any]:
    """Split a fused matrix (outputs, inputs) into Hugging Face's matrices; others keep their name.

    qkv_proj holds for each key-value head its queries, its key and its value. up_gate_proj holds the gate's
    rows, then the up projection's.

    Raises:
        UserError: the adapter's matrix does not fit the model.
    """
    if matrix == "up_gate_proj":
        return dict(zip(GATE_UP, delta.chunk(2, axis=0), strict=True))
    if matrix != "qkv_proj":
        return {matrix: delta}
    heads, groups = text_config["num_attention_heads"], text_config["num_key_value_heads"]
    width = text_config.get("head_dim") or text_config["hidden_size"] // heads
    rows, inputs = delta.shape
    if rows != (heads + 2 * groups) * width:
        raise UserError(
            f"the adapter's qkv_proj has {rows} rows: it was trained on another model than the base"
        )
    grouped = delta.reshape([groups, -1, inputs])
    parts = grouped.split([heads // groups * width, width, width], axis=1)
    return {name: part.reshape([-1, inputs]) for name, part in zip(QKV, parts, strict=True)}


def merge_file(file: Path, folder: Path, deltas: Mapping[str, Delta]) -> list[str]:
    """Write a weight file of the base model with the deltas added; return the names of the changed weights.

    Raises:
        UserError: a delta and its weight have different shapes.
    """
    from safetensors.paddle import save

    tensors = load_tensors(file)
    changed = sorted(tensors.keys() & deltas.keys())
    for name in changed:
        with blaming(name, "matrix of the adapter"):
            weight, delta = tensors[name], deltas[name]()
        if list(weight.shape) != list(delta.shape):
            raise UserError(
                f"{file}: '{name}' is {list(weight.shape)}, the adapter's {list(delta.shape)}: another model"
            )
        tensors[name] = (weight.astype("float32") + delta).astype(weight.dtype).contiguous()
    with replacing(folder / file.name) as output:
        output.write(save(tensors, metadata=METADATA))
    return changed


def load_tensors(file: Path) -> dict[str, Any]:
    """Read a safetensors file into Paddle tensors on the CPU; bfloat16 works too."""
    with quiet_imports():
        from safetensors.paddle import load_file

    with blaming(file, "weight file"):
        return dict(load_file(str(file), device="cpu"))
