"""Checks of the files, folders and devices that a recipe names."""

from collections.abc import Iterator
from pathlib import Path

from grounding.errors import UserError
from grounding.layout import TRAIN_RECIPE_FILE
from models.folder_files import CONFIG_FILE, read_object
from models.hub_downloads import is_hub_id
from models.lookup import known_model_types, shaped_config
from train.checkpoints import numbered_checkpoints, step_of, what_is_missing
from train.keys import BACKEND_KEY, Backend
from train.recipe import (
    NOT_IDENTITY,
    SPLITS,
    WEIGHTS,
    TrainRecipe,
    has_weights,
    read_resolved,
)

MODEL_FILES = ("tokenizer.json", "preprocessor_config.json")
"""Files in a model's folder that the encoding of records needs."""


def data_files(recipe: TrainRecipe) -> Iterator[str]:
    """The JSONL files must exist."""
    for split in SPLITS:
        for file in recipe.data_files(split):
            if not file.is_file():
                yield f"{split}_dataset_path: no such file '{file}': make it with `python -m prepare`"


def model_folder(recipe: TrainRecipe) -> Iterator[str]:
    """A local model must be complete; a hub id, such as Qwen/Qwen3-VL-8B-Instruct, is not looked up."""
    name = recipe.values.get("model_name_or_path")
    if not name:
        yield "model_name_or_path: is missing"
        return
    folder = Path(str(name))
    if is_hub_id(str(name)):
        return
    if not folder.is_dir():
        yield f"model_name_or_path: no such folder '{folder}'"
        return
    if not (folder / "config.json").is_file():
        yield f"model_name_or_path: '{folder}' has no config.json: it is not a model folder"
        return
    yield from _config_problems(folder)
    missing = [name for name in MODEL_FILES if not (folder / name).is_file()]
    if missing:
        yield f"model_name_or_path: '{folder}' has no {', '.join(missing)}: copy them from the base model"
    if not has_weights(folder):
        yield f"model_name_or_path: '{folder}' has no weights ({' or '.join(WEIGHTS)})"


def _config_problems(folder: Path) -> Iterator[str]:
    try:
        config = read_object(folder / CONFIG_FILE)
        if config.get("model_type") in known_model_types():  # the check of the template reports another
            shaped_config(str(folder))
    except UserError as error:
        yield f"model_name_or_path: {str(error).removeprefix('model_name_or_path: ')}"


def output_folder(recipe: TrainRecipe) -> Iterator[str]:
    """A run resumes from the checkpoints of its own recipe only, unless the recipe says so."""
    folder = recipe.output_dir
    if folder is None or recipe.values.get("overwrite_output_dir") is True:
        return
    resume_from = recipe.values.get("resume_from_checkpoint")
    if resume_from is not None:
        if not Path(str(resume_from)).is_dir():
            yield f"resume_from_checkpoint: no such folder '{resume_from}'"
        return
    advice = (
        "choose another output_dir, or overwrite_output_dir=true to start from the beginning, or "
        "resume_from_checkpoint=FOLDER to resume from that checkpoint with these keys"
    )
    if (folder / TRAIN_RECIPE_FILE).is_file():
        if changed := keys_changed_since(recipe, folder):
            yield f"output_dir: '{folder}' holds a run of another recipe ({', '.join(changed)}): {advice}"
    elif any(folder.glob("checkpoint-*")):
        yield f"output_dir: '{folder}' holds checkpoints of an unknown recipe: {advice}"


def keys_changed_since(recipe: TrainRecipe, folder: Path) -> list[str]:
    """Return the keys in which a recipe differs from the run in a folder, sorted."""
    before = read_resolved(folder / TRAIN_RECIPE_FILE)
    now = {name: value for name, value in recipe.values.items() if name not in NOT_IDENTITY}
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def output_fate(recipe: TrainRecipe) -> str | None:
    """Say what will happen to a run that is in the output folder already, None if there is none."""
    folder = recipe.output_dir
    if folder is None:
        return None
    resume_from = recipe.values.get("resume_from_checkpoint")
    newest = max(numbered_checkpoints(folder), key=step_of, default=None)
    is_new = not (folder / TRAIN_RECIPE_FILE).is_file() and newest is None
    if is_new and not resume_from:
        return None
    if recipe.values.get("overwrite_output_dir") is True and not is_new:
        return (
            f"output: the run in {folder} is removed (overwrite_output_dir), and training starts from the "
            "beginning"
        )
    if resume_from:
        lack = what_is_missing(Path(str(resume_from)))
        stranger = "" if lack is None else f"; it is no complete checkpoint of this project ({lack})"
        return f"output: training resumes from {resume_from} with the keys of this recipe{stranger}"
    if newest is None:
        return f"output: {folder} holds a run of this recipe without a checkpoint"
    return (
        f"output: {folder} holds a run of this recipe, at {newest.name}: "
        "it resumes, or is left alone if it is finished"
    )


def cpu_keys(recipe: TrainRecipe) -> Iterator[str]:
    """Without a GPU, some keys must have the values that a CPU needs."""
    if recipe.has_gpu:
        return
    wanted = {
        "device": "cpu",
        "_attn_implementation": "eager",
        "use_attn_mask_startend_row_indices": False,
        "compute_type": "float32",
        BACKEND_KEY: Backend.PLAIN.value,
    }
    wrong = [f"{name}={str(value).lower()}" for name, value in wanted.items() if recipe.get(name) != value]
    if wrong:
        yield f"Paddle finds no GPU here: a CPU needs {' '.join(wrong)}, as in recipes/train/tiny_full.yaml"
    if recipe.number("sharding_parallel_size") > 1:
        yield "sharding_parallel_size: does not run on CPUs"
