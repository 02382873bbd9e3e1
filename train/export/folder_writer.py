"""Write a complete Hugging Face folder of a finished run, LoRA merged: `python -m train.export RECIPE`."""

import json
import logging
import shutil
import struct
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_json, replacing, write_json
from grounding.run_record import RUN_FILE
from train.keys import quiet_imports
from train.recipe import RESOLVED_RECIPE, is_hub_id, resolve_recipe

log = logging.getLogger(__name__)

EXPORT_FOLDER = "export"
CONFIG, GENERATION, INDEX = "config.json", "generation_config.json", "model.safetensors.index.json"
LORA_CONFIG = "lora_config.json"
PROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json")
WEIGHTS = "model*.safetensors"


def export(run: Path, download_hub: str | None = None) -> Path:
    """Write run/export, a folder that other tools load, and return it; an older export is replaced.

    It holds the weights, with the adapter merged in, config, generation config, tokenizer, chat template,
    image and video processor, and what tells where it comes from.

    Raises:
        UserError: the folder holds no finished run, or an adapter that does not fit the base model.
    """
    folder = run / EXPORT_FOLDER
    beside = run / f".{EXPORT_FOLDER}.part"
    shutil.rmtree(beside, ignore_errors=True)  # of an export that was killed
    try:
        if (run / LORA_CONFIG).is_file():
            source = merge_adapter(run, beside, download_hub)
        elif any(run.glob(WEIGHTS)):
            source = run
            copy_weights(run, beside)
        else:
            raise UserError(f"{run}: holds no finished run: no {WEIGHTS} and no {LORA_CONFIG}: train first")
        write_settings(run, source, beside)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    log.info("%s: complete", folder)
    return folder


def merge_adapter(run: Path, folder: Path, download_hub: str | None) -> Path:
    """Write the base model's weights with a run's adapter added, and return the base model's folder."""
    from train.export.adapter_merge import merge_file, read_deltas

    lora = read_json(run / LORA_CONFIG)
    base = base_folder(lora["base_model_name_or_path"], download_hub)
    deltas = read_deltas(run, float(lora["scaling"]), read_json(base / CONFIG)["text_config"])
    merged = {name for file in weight_files(base) for name in merge_file(file, folder, deltas)}
    if missing := sorted(deltas.keys() - merged):
        raise UserError(f"{run}: the adapter changes '{missing[0]}', which {base} does not have")
    log.info("%s: merged %d matrices into %s", run, len(merged), base)
    return base


def base_folder(name: str, download_hub: str | None) -> Path:
    """Return the folder of the base model: a local one, or the one to which PaddleFormers downloads it."""
    if not is_hub_id(name):
        if not (Path(name) / CONFIG).is_file():
            raise UserError(f"{name}: the adapter's base model is not there")
        return Path(name)
    with quiet_imports():
        from paddleformers.utils.download import resolve_file_path
    return Path(resolve_file_path(name, [INDEX, "model.safetensors"], download_hub=download_hub)).parent


def weight_files(folder: Path) -> list[Path]:
    """Return a model folder's weight files.

    Raises:
        UserError: one that the index names is not there.
    """
    index = folder / INDEX
    named = set(read_json(index)["weight_map"].values()) if index.is_file() else set()
    if missing := sorted(name for name in named if not (folder / name).is_file()):
        raise UserError(f"{folder}: no {missing[0]}, which {INDEX} names: the model is not complete")
    return sorted(folder / name for name in named) or sorted(folder.glob(WEIGHTS))


def copy_weights(run: Path, folder: Path) -> None:
    """Copy weight files, with the note in their header that says in which layout they are.

    Format: https://github.com/huggingface/safetensors#format, a header of JSON behind its length in 8 bytes.
    """
    from train.export.adapter_merge import METADATA

    for file in weight_files(run):
        with file.open("rb") as source, replacing(folder / file.name) as output:
            (length,) = struct.unpack("<Q", source.read(8))
            header = json.loads(source.read(length)) | {"__metadata__": METADATA}
            text = json.dumps(header, separators=(",", ":")).encode()
            text += b" " * (-len(text) % 8)
            output.write(struct.pack("<Q", len(text)) + text)
            shutil.copyfileobj(source, output, 1 << 24)


def write_settings(run: Path, source: Path, folder: Path) -> None:
    """Write everything but the weights; `source` is the folder that the weights come from."""
    from train.export.portable import (
        portable_config,
        portable_generation,
        portable_processor,
        write_portable_tokenizer,
    )

    if (source / INDEX).is_file():
        shutil.copyfile(source / INDEX, folder / INDEX)
    write_json(folder / CONFIG, portable_config(read_json(source / CONFIG)))
    write_json(folder / GENERATION, portable_generation(read_json(_trained_from(run, source) / GENERATION)))
    for name in PROCESSORS:
        write_json(folder / name, portable_processor(read_json(run / name)))
    write_portable_tokenizer(run, folder)
    for name in (RESOLVED_RECIPE, RUN_FILE):
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)


def _trained_from(run: Path, source: Path) -> Path:
    """Return the folder of the model that was trained where it is at hand: its settings are the author's."""
    saved = run / RESOLVED_RECIPE
    if source != run or not saved.is_file():
        return source
    base = Path(str(resolve_recipe(saved).get("model_name_or_path")))
    return base if (base / GENERATION).is_file() else source
