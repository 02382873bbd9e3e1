"""Merge an adapter into weight files: W + scaling x (A B).

PaddleFormers' own export writes another model than the one that was trained: it cuts the fused
query-key-value matrix into three blocks, and the model groups it by key-value head.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
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

FLEET_EXPERTS = {
    "grouped_gemm_experts.weight1": "experts.gate_up_proj",
    "grouped_gemm_experts.weight2": "experts.down_proj",
}
"""The experts' matrices of paddlefleet's classes, which hold the same numbers as Hugging Face's.

Source: _gen_inv_aoa_config in paddleformers/transformers/qwen3_vl_moe/modeling.py, lines 418 and 419.
"""

METADATA = {"format": "pt"}
"""Hugging Face's tools need this in a weight file's header."""


Delta = Callable[[], Any]
"""Computes what an adapter adds to a weight: all of a large model's at once would not fit into memory."""


def read_deltas(run: Path, scaling: float, text_config: dict[str, Any]) -> dict[str, Delta]:
    """Return what the adapter adds to each weight, by Hugging Face name, float32, shaped as it is stored.

    The adapter stores A as (in, rank) and B as (rank, out), for fused matrices fused, and for the experts of
    a layer as (experts, in, rank) and (experts, rank, out).

    Raises:
        UserError: a file cannot be read, or the adapter has a tensor that is not one of two such factors.
    """
    factors: dict[str, Any] = {}
    for file in sorted(run.glob("peft_model*.safetensors")):
        factors |= load_tensors(file)
    names = sorted(name.removesuffix("lora_A") for name in factors if name.endswith("lora_A"))
    _check_factors(run, factors.keys(), names)
    deltas: dict[str, Delta] = {}
    for name in names:
        product = partial(_product, factors[f"{name}lora_A"], factors[f"{name}lora_B"], scaling)
        layer, _, matrix = name[:-1].rpartition(".")
        if name.endswith("_"):  # gate_up_proj_lora_A: experts, which are stored as (experts, in, out)
            deltas[_experts_name(name[:-1])] = product
            continue
        for part in FUSED.get(matrix, (matrix,)):
            deltas[f"{layer}.{part}.weight"] = partial(_part, product, matrix, part, text_config)
    return deltas


def _check_factors(run: Path, found: Collection[str], names: Iterable[str]) -> None:
    """Refuse an adapter with anything but pairs of factors: a part that is not merged would be lost."""
    pairs = [{f"{name}lora_A", f"{name}lora_B"} for name in names]
    known = set().union(*(pair for pair in pairs if pair <= set(found)))
    if strange := sorted(set(found) - known):
        raise UserError(
            f"{run}: its adapter has tensors that are no pair of lora_A and lora_B ({len(strange)}, first "
            f"'{strange[0]}'): the export would lose them: train a LoRA adapter with this project's recipes"
        )


def _experts_name(name: str) -> str:
    """Return Hugging Face's name for the experts' matrices of a layer."""
    for ours, theirs in FLEET_EXPERTS.items():
        if name.endswith(f".{ours}"):
            return name.removesuffix(ours) + theirs
    return name


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
