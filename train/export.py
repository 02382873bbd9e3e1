"""Merge a LoRA run into its base model: `python -m train.export RECIPE [key=value ...]`.

The arithmetic is W + scaling x (A B) on the weight files themselves. PaddleFormers' own export cuts the
fused query-key-value matrix into three blocks, while the model groups them by key-value head, and
writes another model than the one that was trained.
"""

import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError, run_command
from grounding.files import read_json, replacing
from grounding.recipe import recipe_arguments
from train.check import is_hub_id, resolve_recipe
from train.keys import quiet_imports

log = logging.getLogger(__name__)

EXPORT_FOLDER = "export"
FROM_BASE = ("config.json", "generation_config.json", "model.safetensors.index.json")
FROM_RUN = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
)
QKV = ("q_proj", "k_proj", "v_proj")
GATE_UP = ("gate_proj", "up_proj")


def export(run: Path, download_hub: str | None = None) -> Path:
    """Write run/export, a complete Hugging Face folder with the adapter merged in, and return it.

    Raises:
        UserError: the folder holds no finished LoRA run, or an adapter that does not fit the base model.
    """
    if not (run / "lora_config.json").is_file():
        raise UserError(f"{run}: holds no finished LoRA run (lora_config.json); a full run needs no export")
    lora = read_json(run / "lora_config.json")
    base = base_folder(lora["base_model_name_or_path"], download_hub)
    text_config = read_json(base / "config.json")["text_config"]
    deltas = read_deltas(run, float(lora["scaling"]), text_config)
    folder = run / EXPORT_FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # what is left of another export is not part of this one
    folder.mkdir()
    for name, source in [*((name, base) for name in FROM_BASE), *((name, run) for name in FROM_RUN)]:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    merged = {
        name for file in sorted(base.glob("*.safetensors")) for name in merge_file(file, folder, deltas)
    }
    if missing := sorted(deltas.keys() - merged):
        raise UserError(f"{run}: the adapter changes '{missing[0]}', which {base} does not have")
    log.info("%s: merged %d matrices of %s", folder, len(merged), base)
    return folder


def base_folder(name: str, download_hub: str | None) -> Path:
    """Return the folder of the base model: a local one, or the one to which PaddleFormers downloads it."""
    if not is_hub_id(name):
        if not (Path(name) / "config.json").is_file():
            raise UserError(f"{name}: the adapter's base model is not there")
        return Path(name)
    with quiet_imports():
        from paddleformers.utils.download import resolve_file_path
    found = resolve_file_path(
        name, ["model.safetensors.index.json", "model.safetensors"], download_hub=download_hub
    )
    return Path(found).parent


def read_deltas(run: Path, scaling: float, text_config: dict[str, Any]) -> dict[str, Any]:
    """Return what the adapter adds to each weight, by Hugging Face name, float32, as (out, in).

    The adapter stores A as (in, rank) and B as (rank, out), for fused matrices fused.
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
    """Split a fused matrix (out, in) into Hugging Face's; the others come back under their own name.

    qkv_proj holds, for each key-value head, its queries, its key, its value; up_gate_proj gate over up.
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
    """Write one weight file of the base with its deltas added, and return the names that were changed."""
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
        output.write(save(tensors, metadata={"format": "pt"}))
    return changed


def load_tensors(file: Path) -> dict[str, Any]:
    """Read a safetensors file into paddle tensors on the CPU, bfloat16 included."""
    with quiet_imports():
        from safetensors.paddle import load_file

    return dict(load_file(str(file), device="cpu"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.export RECIPE [key=value ...]`."""
    path, overrides = recipe_arguments(
        None,
        prog="python -m train.export",
        description="Merge the adapter of a LoRA run into its base model, in output_dir/export.",
        example="python -m train.export recipes/train/tiny_lora.yaml",
        argv=argv,
    )
    recipe = resolve_recipe(path, overrides)
    if not recipe.get("output_dir"):
        raise UserError(f"{path}: output_dir: is missing")
    export(Path(recipe["output_dir"]), recipe.get("download_hub"))
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(run_command(main))
