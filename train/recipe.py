"""A train recipe as it is run: read by PaddleFormers' own rules, and the folders that it names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.recipe import parse_overrides, read_yaml
from train.keys import known_keys

RESOLVED_RECIPE = "train.yaml"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
WEIGHTS = ("*.safetensors", "*.pdparams")
SPLITS = ("train", "eval")
SAMPLING = re.compile(r"#\d+$")
"""`FILE#100` takes the first 100 records of a file (PaddleFormers' own notation)."""

NOT_IDENTITY = ("overwrite_output_dir", "resume_from_checkpoint")
"""Keys that say how to start a run, and not which run it is."""


@dataclass(frozen=True)
class Recipe:
    """A recipe under check: its values with the overrides, and what it would run on.

    `gpus` counts those of all nodes; 0 stands for not known, on a machine without any.
    """

    values: Mapping[str, Any]
    has_gpu: bool = False
    gpus: int = 0

    def get(self, name: str) -> Any:
        """Return a key's value, or PaddleFormers' default."""
        key = known_keys().get(name)
        return self.values.get(name, key.default if key else None)

    def number(self, name: str, default: int = 0) -> int:
        """Return a key's value where it is a whole number, the default otherwise."""
        value = self.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def degree(self, name: str) -> int:
        """Return a parallel degree: PaddleFormers writes -1 for none."""
        return max(1, self.number(name, 1))

    @property
    def is_lora(self) -> bool:
        """Whether adapters are trained, and the model is not."""
        return str(self.get("fine_tuning")).lower() == "lora"

    @property
    def output_dir(self) -> Path | None:
        """The run's folder, where the recipe names one."""
        value = self.values.get("output_dir")
        return Path(str(value)) if value else None

    @property
    def model(self) -> str:
        """The model's folder or hub id, as written."""
        return str(self.values.get("model_name_or_path") or "")

    def data_files(self, split: str) -> list[Path]:
        """Return the files of a split, without PaddleFormers' `#number` behind a path."""
        words = str(self.values.get(f"{split}_dataset_path") or "").split(",")
        return [Path(SAMPLING.sub("", word.strip())) for word in words if word.strip()]


@dataclass(frozen=True)
class Options:
    """What the pre-flight is told on the command line beside PaddleFormers' keys; None: as this machine is.

    `gpus` counts those of all nodes, `gpu_memory_gb` is a card's memory as its maker names it, and
    `check_samples` records are encoded.
    """

    gpus: int | None = None
    gpu_memory_gb: float | None = None
    check_samples: int = 200


def split_options(overrides: Iterable[str]) -> tuple[list[str], Options]:
    """Part the pre-flight's own words from those that are PaddleFormers' keys.

    Raises:
        UserError: a word of the pre-flight's whose value is no number of its kind.
    """
    keys, given = [], {}
    for word in overrides:
        name, _, text = word.partition("=")
        if name not in Options.__annotations__:
            keys.append(word)
            continue
        try:
            value = float(text) if name == "gpu_memory_gb" else int(text)
        except ValueError as error:
            raise UserError(f"{word}: write a number") from error
        if value <= 0 and name != "check_samples":
            raise UserError(f"{word}: must be more than 0")
        given[name] = value
    return keys, Options(**given)  # type: ignore[arg-type]


def resolve_recipe(path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a recipe as PaddleFormers does: YAML's own numbers (1e-4 is text there), then the overrides."""
    import yaml
    from omegaconf import OmegaConf

    read_yaml(path)  # for its errors: no such file, not YAML, not a mapping
    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    given = OmegaConf.to_container(parse_overrides(overrides))
    if "output_dir" in given and "logging_dir" not in given and "logging_dir" in values:
        given["logging_dir"] = (
            f"{given['output_dir']}/{Path(values['logging_dir']).name}"  # curves stay with the run
        )
    return {str(name): value for name, value in {**values, **given}.items()}


def read_resolved(path: Path) -> dict[str, Any]:
    """Read the recipe that a run has saved, without what does not belong to the run's identity."""
    import yaml

    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {name: value for name, value in values.items() if name not in NOT_IDENTITY}


def is_hub_id(name: str) -> bool:
    """Tell `owner/model` from a folder: an id has one slash and its owner is no folder here."""
    return bool(HUB_ID.fullmatch(name)) and not Path(name).exists() and not Path(name.split("/")[0]).is_dir()


def has_weights(folder: Path, since: float = 0.0) -> bool:
    """Tell whether a folder holds a weight file that is not empty, written after `since` (seconds, epoch)."""
    stats = [file.stat() for pattern in WEIGHTS for file in folder.glob(pattern)]
    return any(stat.st_size > 0 and stat.st_mtime >= since for stat in stats)
