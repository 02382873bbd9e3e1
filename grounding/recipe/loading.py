"""Read recipes and `key=value` words into their dataclass."""

import json
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from grounding.errors import UserError
from grounding.recipe.schema import has_key, key_names, suggestion

Schema = TypeVar("Schema")

NOT_PLAIN = frozenset("*&!|>%@`")
"""First characters by which YAML takes a value for an alias, an anchor, a tag, or an error."""


def load_recipe(schema: type[Schema], path: Path, overrides: Iterable[str] = ()) -> Schema:
    """Read a recipe and its overrides into an instance of the dataclass `schema`.

    Raises:
        UserError: unknown keys (with suggestions) or missing keys, all in one message; or a wrong type.
    """
    from omegaconf import OmegaConf

    return _fill(schema, OmegaConf.merge(read_yaml(path), parse_overrides(overrides)), f"{path}: ")


def load_settings(schema: type[Schema], overrides: Iterable[str] = ()) -> Schema:
    """Read `key=value` words into an instance of the dataclass `schema`, in which every key has a default.

    Raises:
        UserError: as `load_recipe`.
    """
    return _fill(schema, parse_overrides(overrides), "")


def _fill(schema: type[Schema], given: Any, where: str) -> Schema:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    problems = [
        f"unknown key '{key}'{suggestion(key, key_names(schema))}"
        for key in _leaves(given)
        if not has_key(schema, key)
    ]
    if problems:
        raise UserError(f"{where}{'; '.join(problems)}")
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), given)
        if missing := sorted(OmegaConf.missing_keys(merged)):
            raise UserError(f"{where}{', '.join(missing)} must be set, in the recipe or as key=value")
        return typing.cast(Schema, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{where}{error.full_key or 'recipe'}: {reason}") from error
    except ValueError as error:  # a schema's own __post_init__
        raise UserError(f"{where}{error}") from error


def read_yaml(path: Path) -> Any:
    """Read a YAML mapping with OmegaConf, in which `1e-4` is a number.

    Raises:
        UserError: no such file, not YAML, or not a mapping.
    """
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if not path.is_file():
        raise UserError(
            f"{path}: no such recipe{suggestion(str(path), map(str, path.parent.glob('*.yaml')))}"
        )
    try:
        content = OmegaConf.load(path)
    except (YAMLError, UnicodeDecodeError, OmegaConfBaseException) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(content, DictConfig):
        raise UserError(f"{path}: a recipe is a list of `key: value` lines")
    return content


def parse_overrides(overrides: Iterable[str]) -> Any:
    """Parse `key=value` words into an OmegaConf mapping; dots in a key separate its levels.

    Raises:
        UserError: a word that is not `key=value`.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    words = list(overrides)
    for word in words:
        if not word.partition("=")[0] or "=" not in word:
            raise UserError(f"'{word}' is not key=value: write for instance seed=7")
    try:
        return OmegaConf.from_dotlist([_quoted_text(word) for word in words])
    except (YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{' '.join(words)}: not readable as key=value: {error}") from error


def _quoted_text(word: str) -> str:
    """Quote a value whose first character means something else to YAML, such as the * of a file pattern."""
    key, _, value = word.partition("=")
    return f"{key}={json.dumps(value, ensure_ascii=False)}" if value[:1] in NOT_PLAIN else word


def _leaves(config: Any, prefix: str = "") -> Iterator[str]:
    from omegaconf import DictConfig

    for key in config:
        value = config._get_node(key)
        if isinstance(value, DictConfig) and len(value):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
