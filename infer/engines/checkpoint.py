"""Checkpoint folders: the check before a model is loaded from one, and its fingerprint."""

from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from models.folder_files import (
    ADAPTER_INDEX,
    ADAPTER_WEIGHTS,
    IMAGE_CONFIG,
    LORA_CONFIG,
    TOKENIZER_CONFIG,
    TOKENIZER_FILES,
    WEIGHTS,
    WEIGHTS_INDEX,
    fingerprint_model,
    named_shards,
    read_object,
)
from models.hub_downloads import is_hub_id, named_folder

MODEL_CONFIG = "config.json"


@dataclass(frozen=True)
class Checkpoint:
    """The folders of a model's weights, of an adapter, and of tokenizer and image processor."""

    model: Path
    adapter: Path | None
    processor: Path


def find_checkpoint(folder: Path, base: Path | None = None) -> Checkpoint:
    """Return the checkpoint in a model folder, or in a LoRA run's folder with its base model.

    `base` replaces the base model that the LoRA run names.

    Raises:
        UserError: a file is missing; the message says what to do.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such checkpoint folder: train first (make train), or set checkpoint= to a folder "
            "or to a model on a hub, such as Qwen/Qwen3-VL-8B-Instruct"
        )
    if not (folder / LORA_CONFIG).is_file():
        if base is not None:
            raise UserError(
                f"{folder}: base_checkpoint is set, but there is no {LORA_CONFIG} in the checkpoint"
            )
        _check_model(folder)
        return Checkpoint(folder, None, _check_processor(folder))
    if not any(folder.glob(ADAPTER_WEIGHTS)):
        raise UserError(f"{folder}: no {ADAPTER_WEIGHTS}{_unfinished(folder)}")
    _check_shards(folder, ADAPTER_INDEX)
    if not (folder / ADAPTER_INDEX).is_file():  # PaddleFormers would answer without the adapter
        raise UserError(f"{folder}: no {ADAPTER_INDEX}: copy it from the run that trained the adapter")
    named = read_object(folder / LORA_CONFIG).get("base_model_name_or_path")
    if named is not None and not isinstance(named, str):
        raise UserError(f"{folder / LORA_CONFIG}: base_model_name_or_path is no text: set base_checkpoint=")
    model = base or (_named_base(named, folder / LORA_CONFIG) if named else None)
    if model is None:
        raise UserError(f"{folder / LORA_CONFIG}: names no base model: set base_checkpoint=")
    if not model.is_dir():
        raise UserError(f"{folder / LORA_CONFIG}: no base model folder '{model}': set base_checkpoint=")
    _check_model(model)
    own = (folder / IMAGE_CONFIG).is_file() and (folder / TOKENIZER_CONFIG).is_file()
    return Checkpoint(model, folder, _check_processor(folder if own else model))


def _named_base(name: str, config: Path) -> Path:
    """Return the folder of the base model that an adapter names.

    An adapter may be a stranger's: of all models on a hub, it leads to the published ones alone.
    """
    if not is_hub_id(name):
        return Path(name)
    from models.lookup import published_configs

    if name not in published_configs():
        raise UserError(f"{config}: no base model folder '{name}': set base_checkpoint=")
    return named_folder(name)


def fingerprint_checkpoint(checkpoint: Checkpoint) -> str:
    """Return a hash of the files that determine an answer (`models.folder_files.fingerprint_model`)."""
    return fingerprint_model(checkpoint.model, checkpoint.adapter, checkpoint.processor)


def _check_model(folder: Path) -> None:
    if not any(folder.glob(WEIGHTS)):
        raise UserError(f"{folder}: no {WEIGHTS}{_unfinished(folder)}")
    _check_shards(folder, WEIGHTS_INDEX)
    if not (folder / MODEL_CONFIG).is_file():
        raise UserError(f"{folder}: no {MODEL_CONFIG}: copy it from the model that was trained")
    read_object(folder / MODEL_CONFIG)


def _check_shards(folder: Path, index: str) -> None:
    if missing := sorted(name for name in named_shards(folder, index) if not (folder / name).is_file()):
        raise UserError(f"{folder}: no {missing[0]}, which {index} names: copy or download it again")


def _check_processor(folder: Path) -> Path:
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise UserError(
            f"{folder}: no {TOKENIZER_FILES[0]}: copy the tokenizer from the model that was trained"
        )
    for name in (TOKENIZER_CONFIG, IMAGE_CONFIG):
        if not (folder / name).is_file():
            raise UserError(f"{folder}: no {name}: copy it from the model that was trained")
    return folder


def _unfinished(folder: Path) -> str:
    """Say why the weights are missing: `checkpoint-N` folders have a format that only training reads."""
    if any(folder.glob("checkpoint-*")):
        return (
            ": the run has not finished (its checkpoint-N folders are for resuming, not for inference): "
            "repeat the training command to resume it"
        )
    if folder.name.startswith("checkpoint-"):
        return f": this folder is for resuming a training; the finished model is in {folder.parent}"
    return ": train first (make train), or set checkpoint="
