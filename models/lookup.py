"""Find the model family of a config, and the config of a model."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_json
from models.family import Family
from models.qwen3_vl.definition import Qwen3VL

CONFIG_FILE = "config.json"
FAMILIES: tuple[Family, ...] = (Qwen3VL(),)

DEFAULT_FAMILY = FAMILIES[0]
"""The family that a data set is shown for, as data sets name no model."""


def known_model_types() -> tuple[str, ...]:
    """Return every `model_type` that a family reads."""
    return tuple(kind for family in FAMILIES for kind in family.model_types)


def find_family(config: Mapping[str, Any], where: object = CONFIG_FILE) -> Family:
    """Return the family of a config by its `model_type`; `where` names the config in the error.

    Raises:
        UserError: no family has this model type.
    """
    kind = config.get("model_type")
    for family in FAMILIES:
        if kind in family.model_types:
            return family
    raise UserError(f"{where}: model_type '{kind}' is not supported, only {', '.join(known_model_types())}")


def family_of_folder(folder: Path) -> Family:
    """Return the family of a model folder.

    Raises:
        UserError: no family has its model type.
    """
    return find_family(read_json(folder / CONFIG_FILE), folder / CONFIG_FILE)


@cache
def published_configs() -> Mapping[str, Mapping[str, Any]]:
    """Return the configs of all published models by hub id."""
    return {name: config for family in FAMILIES for name, config in family.published_configs().items()}


def model_config(model: str) -> Mapping[str, Any]:
    """Return a model's config: the config.json of a folder, or that of a published model by its hub id.

    Raises:
        UserError: there is neither, or no family has its model type.
    """
    path = Path(model) / CONFIG_FILE
    if model and path.is_file():
        config: Mapping[str, Any] = read_json(path)
        if not {"text_config", "vision_config"} <= config.keys():
            raise UserError(f"{path}: has no text_config and vision_config: not a vision-language model")
        find_family(config, f"model_name_or_path: '{path}'")
        return config
    if model in published_configs() and not Path(model).exists():
        return published_configs()[model]
    raise UserError(
        f"model_name_or_path: the shapes of '{model}' are not known: it is no folder with a {CONFIG_FILE} "
        f"and none of {', '.join(published_configs())}: make or download the model and name its folder, or "
        "name one of these that has its size"
    )
