"""Merge an adapter into weight files: W + scaling x (A B).

PaddleFormers' own export writes another model than the one that was trained: it cuts the fused
query-key-value matrix into three blocks, and the model groups it by key-value head.
"""

from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import replacing
from train.keys import quiet_imports

QKV = ("q_proj", "k_proj", "v_proj")
GATE_UP = ("gate_proj", "up_proj")
METADATA = {"format": "pt"}
"""Hugging Face's tools need this in a weight file's header."""


def read_deltas(run: Path, scaling: float, text_config: dict[str, Any]) -> dict[str, Any]:
    """Return what the adapter adds to each weight, by Hugging Face name, float32, (outputs, inputs).

    The adapter stores A as (inputs, rank) and B as (rank, outputs); for fused matrices they are fused too.
    """
    factors: dict[str, Any] = {}
    for file in sorted(run.glob("peft_model*.safetensors")):
        factors |= load_tensors(file)
    deltas = {}
    for name in sorted(factor.removesuffix(".lora_A") for factor in factors if factor.endswith(".lora_A")):
        down, up = (factors[f"{name}.lora_{letter}"].astype("float32") for letter in "AB")
        delta = (down @ up).transpose([1, 0]) * scaling
        layer, _, matrix = name.rpartition(".")
        for part, rows in split_fused(matrix, delta, text_config).items():
            deltas[f"{layer}.{part}.weight"] = rows
    return deltas


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


def merge_file(file: Path, folder: Path, deltas: dict[str, Any]) -> list[str]:
    """Write a weight file of the base model with the deltas added; return the names of the changed weights.

    Raises:
        UserError: a delta and its weight have different shapes.
    """
    from safetensors.paddle import save

    tensors = load_tensors(file)
    changed = sorted(tensors.keys() & deltas.keys())
    for name in changed:
        weight, delta = tensors[name], deltas[name]
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

    return dict(load_file(str(file), device="cpu"))
