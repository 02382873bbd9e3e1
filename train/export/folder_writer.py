"""Write a finished run as a complete Hugging Face folder, with an adapter merged into the weights."""

import json
import logging
import math
import shutil
import struct
from pathlib import Path
from typing import IO, Any

from grounding.errors import UserError
from grounding.files import replacing, write_json
from grounding.layout import CALIBRATION_FILE, EXPORT_FOLDER, TRAIN_RECIPE_FILE
from grounding.run_record import RUN_FILE
from models.folder_files import (
    LORA_CONFIG,
    TABLE_BYTES,
    WEIGHTS,
    WEIGHTS_INDEX,
    fingerprint_model,
    named_shards,
    read_object,
)
from models.hub_downloads import is_hub_id
from models.lookup import check_shapes
from train.export.carried_head import carry_box_head
from train.keys import quiet_imports
from train.recipe import resolve_recipe

log = logging.getLogger(__name__)

CONFIG, GENERATION = "config.json", "generation_config.json"
PROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json")
MOST_OF_A_HEADER = 100_000_000
"""Bytes of a weight file's header that are read, as in the safetensors library."""


def export(run: Path, download_hub: str | None = None) -> Path:
    """Write run/export, a folder that other tools load, and return it; an older export is replaced.

    It holds the weights (an adapter is merged), config, generation config, tokenizer, chat template, image
    and video processor, the run's recipe and run.json, and its calibration.json and box head where they still
    hold.

    Raises:
        UserError: the folder holds no finished run, or the adapter does not fit the base model.
    """
    folder = run / EXPORT_FOLDER
    beside = run / f".{EXPORT_FOLDER}.part"
    shutil.rmtree(beside, ignore_errors=True)  # left by an export that was killed
    try:
        if (run / LORA_CONFIG).is_file():
            source = merge_adapter(run, beside, download_hub)
        elif any(run.glob(WEIGHTS)):
            source = run
            copy_weights(run, beside)
        else:
            raise UserError(f"{run}: holds no finished run: no {WEIGHTS} and no {LORA_CONFIG}: train first")
        write_settings(run, source, beside)
        carry_calibration(run, source, beside)
        carry_box_head(run, source, beside)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    log.info("%s: complete", folder)
    return folder


def merge_adapter(run: Path, folder: Path, download_hub: str | None) -> Path:
    """Write the base model's weights with a run's adapter added, and return the base model's folder."""
    from train.export.adapter_merge import merge_file, read_deltas

    name, scaling = read_lora_config(run / LORA_CONFIG)
    base = base_folder(name, download_hub)
    config = read_object(base / CONFIG)
    check_shapes(config, base)
    deltas = read_deltas(run, scaling, config["text_config"])
    merged = {name for file in weight_files(base) for name in merge_file(file, folder, deltas)}
    if missing := sorted(deltas.keys() - merged):
        raise UserError(f"{run}: the adapter changes '{missing[0]}', which {base} does not have")
    log.info("%s: merged %d matrices into %s", run, len(merged), base)
    return base


def read_lora_config(path: Path) -> tuple[str, float]:
    """Return the base model that an adapter names, and its scaling.

    Raises:
        UserError: one of them is missing, or has another type.
    """
    lora = read_object(path)
    name, scaling = lora.get("base_model_name_or_path"), lora.get("scaling")
    if not isinstance(name, str) or not name:
        raise UserError(f"{path}: base_model_name_or_path is no text: write the base model's folder there")
    if isinstance(scaling, bool) or not isinstance(scaling, int | float) or not abs(scaling) < math.inf:
        raise UserError(f"{path}: scaling is {str(scaling)[:40]!r}, not a number: train the adapter again")
    return name, float(scaling)


def base_folder(name: str, download_hub: str | None) -> Path:
    """Return the folder of the base model; a hub id is looked up where PaddleFormers downloads models."""
    if not is_hub_id(name):
        if not (Path(name) / CONFIG).is_file():
            raise UserError(f"{name}: no such folder, and it is the adapter's base model")
        return Path(name)
    with quiet_imports():
        from paddleformers.utils.download import resolve_file_path
    return Path(
        resolve_file_path(name, [WEIGHTS_INDEX, "model.safetensors"], download_hub=download_hub)
    ).parent


def weight_files(folder: Path) -> list[Path]:
    """Return a model folder's weight files.

    Raises:
        UserError: a file that the index names is missing.
    """
    named = named_shards(folder)
    if missing := sorted(name for name in named if not (folder / name).is_file()):
        raise UserError(f"{folder}: no {missing[0]}, which {WEIGHTS_INDEX} names: the model is not complete")
    return sorted(folder / name for name in named) or sorted(folder.glob(WEIGHTS))


def copy_weights(run: Path, folder: Path) -> None:
    """Copy weight files, and write into their headers that they are in PyTorch's layout.

    Format: https://github.com/huggingface/safetensors#format, the header's length in 8 bytes, then JSON.
    """
    from train.export.adapter_merge import METADATA

    for file in weight_files(run):
        with file.open("rb") as source, replacing(folder / file.name) as output:
            header = read_header(source, file) | {"__metadata__": METADATA}
            text = json.dumps(header, separators=(",", ":")).encode()
            text += b" " * (-len(text) % 8)
            output.write(struct.pack("<Q", len(text)) + text)
            shutil.copyfileobj(source, output, 1 << 24)


def read_header(source: IO[bytes], file: Path) -> dict[str, Any]:
    """Read the header of a weight file, which begins with it.

    Raises:
        UserError: it has none.
    """
    start = source.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else MOST_OF_A_HEADER + 1
    try:
        header = json.loads(source.read(length)) if length <= MOST_OF_A_HEADER else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise UserError(f"{file}: has no header of a safetensors file: copy or download it again")
    return header


def write_settings(run: Path, source: Path, folder: Path) -> None:
    """Write all files except the weights, which come from the folder `source`."""
    from train.export.portable import (
        portable_config,
        portable_generation,
        portable_processor,
        write_portable_tokenizer,
    )

    if (source / WEIGHTS_INDEX).is_file():
        shutil.copyfile(source / WEIGHTS_INDEX, folder / WEIGHTS_INDEX)
    write_json(folder / CONFIG, portable_config(read_object(source / CONFIG), source / CONFIG))
    write_json(folder / GENERATION, portable_generation(read_object(_trained_from(run, source) / GENERATION)))
    for name in PROCESSORS:
        write_json(folder / name, portable_processor(read_object(run / name)))
    write_portable_tokenizer(run, folder)
    for name in (TRAIN_RECIPE_FILE, RUN_FILE):
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)


def carry_calibration(run: Path, source: Path, folder: Path) -> None:
    """Copy calibration.json where the exported model gives the probabilities that it was fitted to.

    Copied weights do, and the file gets the fingerprint of the exported folder. Merged weights are rounded,
    and a file of another checkpoint was never right: a warning says that it is left out.
    """
    path = run / CALIBRATION_FILE
    if not path.is_file():
        return
    content = read_object(path, TABLE_BYTES)
    fitted_on = content.get("fitted_on")
    if source != run:
        reason = "it was fitted to the adapter beside its base, and merged weights are rounded"
    elif not isinstance(fitted_on, dict) or fitted_on.get("checkpoint") != fingerprint_model(run, None, run):
        reason = "it was fitted to another checkpoint"
    else:
        exported = fitted_on | {"checkpoint": fingerprint_model(folder, None, folder)}
        write_json(folder / CALIBRATION_FILE, content | {"fitted_on": exported})
        return
    log.warning("%s: left out: %s: run `python -m infer.calibrate` on the export", path, reason)


def _trained_from(run: Path, source: Path) -> Path:
    """Return the folder of the model that the run started from, if it is here; else `source`."""
    saved = run / TRAIN_RECIPE_FILE
    if source != run or not saved.is_file():
        return source
    base = Path(str(resolve_recipe(saved).get("model_name_or_path")))
    return base if (base / GENERATION).is_file() else source
