"""Find the model family of a config, and the config of a model."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from models.family import Family
from models.folder_files import CONFIG_FILE, read_object
from models.qwen3_vl.definition import Qwen3VL

MOST_OF_A_SIZE = 1 << 24
MOST_OF = {"layers": 1000, "deepstack": 1000, "experts": 4096}
"""The largest sizes that are taken for a model's; published ones have 94 layers and 128 experts."""

MAY_BE_ZERO = ("experts", "experts_per_token", "expert_size", "deepstack")
"""Sizes that are 0 in a dense model, or where no inner layer's features are added."""

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
        UserError: no family has its model type, or a size in its config is missing or none.
    """
    config = read_object(folder / CONFIG_FILE)
    family = find_family(config, folder / CONFIG_FILE)
    check_shapes(config, folder)
    return family


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
        config: Mapping[str, Any] = read_object(path)
        if not all(isinstance(config.get(part), dict) for part in ("text_config", "vision_config")):
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


def shaped_config(model: str) -> Mapping[str, Any]:
    """Return a model's config, as `model_config` does, if the shapes of its family can be read from it.

    Raises:
        UserError: there is no config, its family is not known, or a size is missing or is none.
    """
    config = model_config(model)
    check_shapes(config, f"model_name_or_path: '{model}'")
    return config


def check_shapes(config: Mapping[str, Any], where: object) -> None:
    """Check that a config has every size of its family; `where` names it in the error.

    Raises:
        UserError: a size is missing, or is not a number from 1 to MOST_OF_A_SIZE, or to that of MOST_OF.
    """
    family = find_family(config, where)
    try:
        shapes = family.text_shape(config), family.vision_shape(config)
    except KeyError as error:
        raise UserError(f"{where}: its {CONFIG_FILE} has no {error}: copy or download it again") from error
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UserError(f"{where}: a size in its {CONFIG_FILE} is no number: {error}") from error
    for shape in shapes:
        for name, value in dataclasses.asdict(shape).items():
            most = MOST_OF.get(name, MOST_OF_A_SIZE)
            least = 0 if name in MAY_BE_ZERO else 1
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise UserError(
                    f"{where}: {name} of {type(shape).__name__} is {str(value)[:40]!r} in its {CONFIG_FILE}, "
                    f"not a number from {least} to {most:,}: copy or download it again"
                )
