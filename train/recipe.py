"""A train recipe: its values, read by PaddleFormers' rules, and the folders and files that it names."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import write_text
from grounding.layout import TRAIN_RECIPE_FILE
from grounding.recipe.loading import parse_overrides, read_yaml
from train.keys import (
    BACKEND_KEY,
    CACHE_KEY,
    SUITES_KEY,
    Backend,
    known_keys,
    takes_words,
)

WEIGHTS = ("*.safetensors", "*.pdparams")
SPLITS = ("train", "eval")
PREFERENCES = "VL-DPO"
"""The stage that trains on pairs of answers."""

SAMPLING = re.compile(r"#\d+$")
"""`FILE#100` takes the first 100 records of a file (PaddleFormers' notation)."""

NOT_IDENTITY = ("overwrite_output_dir", "resume_from_checkpoint", SUITES_KEY, CACHE_KEY)
"""Keys that say how a run starts and reads, or what follows it: with others, it is still the same run."""


@dataclass(frozen=True)
class TrainRecipe:
    """A recipe's values with the overrides applied, and the GPUs that it would run on.

    `gpus` counts the GPUs of all nodes; 0 means not known, on a machine without GPUs.
    """

    values: Mapping[str, Any]
    has_gpu: bool = False
    gpus: int = 0

    def get(self, name: str) -> Any:
        """Return a key's value, or PaddleFormers' default."""
        key = known_keys().get(name)
        return self.values.get(name, key.default if key else None)

    def number(self, name: str, default: int = 0) -> int:
        """Return a key's value if it is an integer, the default otherwise."""
        value = self.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def degree(self, name: str) -> int:
        """Return a parallel degree, at least 1; PaddleFormers writes -1 for none."""
        return max(1, self.number(name, 1))

    @property
    def is_lora(self) -> bool:
        """Whether the run trains an adapter and leaves the model's weights alone."""
        return str(self.get("fine_tuning")).lower() == "lora"

    @property
    def is_fleet(self) -> bool:
        """Whether the model is made of paddlefleet's classes, and not of PaddleFormers' plain ones."""
        return uses_fleet(self.values)

    @property
    def output_dir(self) -> Path | None:
        """The run's folder, None if the recipe names none."""
        value = self.values.get("output_dir")
        return Path(str(value)) if value else None

    @property
    def model(self) -> str:
        """The model's folder or hub id, as the recipe writes it."""
        return str(self.values.get("model_name_or_path") or "")

    def data_files(self, split: str) -> list[Path]:
        """Return the files of a split, "train" or "eval", without the `#100` behind a path."""
        return [file for file, _ in self.taken_records(split)]

    def taken_records(self, split: str) -> list[tuple[Path, int | None]]:
        """Return the files of a split, each with how many of its records are taken, None for all."""
        words = str(self.values.get(f"{split}_dataset_path") or "").split(",")
        return [taken_of_file(word.strip()) for word in words if word.strip()]


def taken_of_file(word: str) -> tuple[Path, int | None]:
    """Return the file of `FILE` or `FILE#100`, and how many of its records are taken, None for all."""
    taken = SAMPLING.search(word)
    return Path(SAMPLING.sub("", word)), int(taken.group()[1:]) if taken else None


def uses_fleet(values: Mapping[str, Any]) -> bool:
    """Tell whether a recipe asks for paddlefleet's classes; nothing else decides, installed or not."""
    return bool(values.get(BACKEND_KEY) == Backend.FLEET.value)


def learns_preferences(values: Mapping[str, Any]) -> bool:
    """Tell whether a recipe trains on pairs of a chosen and a rejected answer."""
    return bool(values.get("stage") == PREFERENCES)


@dataclass(frozen=True)
class CheckOptions:
    """Settings of the check that are no keys of PaddleFormers; None means: as this machine is.

    `gpus` counts the GPUs of all nodes. `gpu_memory_gb` is the memory of a card as its maker names it.
    `check_samples` is the number of records to encode.
    """

    gpus: int | None = None
    gpu_memory_gb: float | None = None
    check_samples: int = 200


def split_options(overrides: Iterable[str]) -> tuple[list[str], CheckOptions]:
    """Split `key=value` words into PaddleFormers' keys and the check's own settings.

    Raises:
        UserError: a setting of the check is not a number, or is too small.
    """
    keys, given = [], {}
    for word in overrides:
        name, _, text = word.partition("=")
        if name not in CheckOptions.__annotations__:
            keys.append(word)
            continue
        try:
            value = float(text) if name == "gpu_memory_gb" else int(text)
        except ValueError as error:
            raise UserError(f"{word}: write a number") from error
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "check_samples"):
            raise UserError(f"{word}: must be {'0 or ' if name == 'check_samples' else ''}more than 0")
        given[name] = value
    return keys, CheckOptions(**given)  # type: ignore[arg-type]


def resolve_recipe(path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a recipe as PaddleFormers does, by yaml.safe_load (1e-4 is text there), and apply the overrides.

    Raises:
        UserError: no such file, not YAML, not a mapping, or a word that is not `key=value`.
    """
    import yaml
    from omegaconf import OmegaConf

    read_yaml(path)  # raises the UserErrors
    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    words = list(overrides)
    given = _with_words_kept(OmegaConf.to_container(parse_overrides(words)), words)
    if "output_dir" in given and "logging_dir" not in given and "logging_dir" in values:
        # The curves stay in the run's folder.
        given["logging_dir"] = f"{given['output_dir']}/{Path(values['logging_dir']).name}"
    return {str(name): value for name, value in {**values, **given}.items()}


def _with_words_kept(given: Any, words: Iterable[str]) -> dict[str, Any]:
    """Put back the words that YAML 1.1 takes for switches, such as `no`, where a key takes words."""
    texts = {name: text for name, _, text in (word.partition("=") for word in words)}
    keys = known_keys()
    return {
        name: texts[name].strip()
        if isinstance(value, bool) and name in texts and name in keys and takes_words(keys[name])
        else value
        for name, value in given.items()
    }


def save_train_recipe(recipe: Mapping[str, Any], folder: Path) -> None:
    """Save a resolved recipe in its run's folder: the next start compares itself with it."""
    import yaml

    text = yaml.safe_dump(dict(recipe), allow_unicode=True, sort_keys=False)
    write_text(folder / TRAIN_RECIPE_FILE, text)


def read_resolved(path: Path) -> dict[str, Any]:
    """Read the recipe that a run has saved, without the keys in NOT_IDENTITY."""
    import yaml

    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {name: value for name, value in values.items() if name not in NOT_IDENTITY}


def has_weights(folder: Path, since: float = 0.0) -> bool:
    """Tell whether a folder has a weight file that is not empty, written after `since` (epoch seconds)."""
    stats = [file.stat() for pattern in WEIGHTS for file in folder.glob(pattern)]
    return any(stat.st_size > 0 and stat.st_mtime >= since for stat in stats)
