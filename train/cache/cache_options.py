"""What a cache is made of: the recipe, the files of records, the folder, and how many processes encode."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.layout import JSONL_FILES
from train.keys import CACHE_KEY
from train.recipe import SPLITS, TrainRecipe, resolve_recipe

DATASET_OPTION, PROCESSES_OPTION = "dataset", "processes"
DEFAULT_FOLDER = "cache"
"""In the folder of the data set that the command names, where the recipe names no cache."""


@dataclass(frozen=True)
class CacheOptions:
    """The files of records to encode as a recipe does, where to, and in how many processes."""

    values: Mapping[str, Any]
    files: tuple[Path, ...]
    folder: Path
    processes: int


def read_cache_options(path: Path, words: Iterable[str]) -> CacheOptions:
    """Read a recipe with the words behind it.

    Raises:
        UserError: no such recipe or file of records, no folder for the cache, or a wrong number.
    """
    given = [word.partition("=") for word in words]
    own = {name: text for name, _, text in given if name in (DATASET_OPTION, PROCESSES_OPTION)}
    values = resolve_recipe(path, ["".join(parts) for parts in given if parts[0] not in own])
    dataset = Path(own[DATASET_OPTION]) if DATASET_OPTION in own else None
    files = _files_of(dataset) if dataset else _files_read(TrainRecipe(values))
    folder = values.get(CACHE_KEY) or (dataset and (files[0].parent / DEFAULT_FOLDER))
    if not folder:
        raise UserError(f"{path}: name the folder of the cache: {CACHE_KEY}=FOLDER")
    return CacheOptions(values, files, Path(str(folder)), _processes(own.get(PROCESSES_OPTION)))


def files_read(recipe: TrainRecipe) -> list[Path]:
    """Return the files whose records a run encodes: those of evaluation only if it evaluates."""
    splits = SPLITS if recipe.get("do_eval") else SPLITS[:1]
    return list(dict.fromkeys(file for split in splits for file in recipe.data_files(split)))


def _files_read(recipe: TrainRecipe) -> tuple[Path, ...]:
    files = files_read(recipe)
    if not files:
        raise UserError("train_dataset_path: is missing")
    for file in files:
        if not file.is_file():
            raise UserError(f"{file}: no such file: make it with `python -m prepare`")
    return tuple(files)


def _files_of(dataset: Path) -> tuple[Path, ...]:
    """Return the files of records of a prepared data set, or the one file that was named."""
    if dataset.is_file():
        return (dataset,)
    files = [dataset / name for name in JSONL_FILES.values() if (dataset / name).is_file()]
    if not files:
        raise UserError(f"{dataset}: has no {' or '.join(JSONL_FILES.values())}: name a prepared data set")
    return tuple(files)


def _processes(text: str | None) -> int:
    if text is None:
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or not int(text):
        raise UserError(f"{PROCESSES_OPTION}={text}: write a number of at least 1")
    return int(text)
