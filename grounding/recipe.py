"""Recipes: YAML files with a dataclass as schema, and the `RECIPE [key=value ...]` command line."""

import argparse
import dataclasses
import difflib
import json
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from grounding.errors import UserError

Schema = TypeVar("Schema")

HELP_WIDTH = 34


def setting(help_text: str, default: Any = dataclasses.MISSING, **nested: Any) -> Any:
    """Declare one key of a recipe: its help, and its default or `default_factory`.

    The recipe or the command line has to set a key without a default.
    """
    if default is dataclasses.MISSING and not nested:
        default = "???"  # OmegaConf's mark of a missing value
    if default is not dataclasses.MISSING:
        nested["default"] = default
    return dataclasses.field(metadata={"help": help_text}, **nested)


def recipe_arguments(
    schema: type[Any] | None, *, prog: str, description: str, example: str, argv: Sequence[str] | None = None
) -> tuple[Path, list[str]]:
    """Parse `RECIPE [key=value ...]` and return the recipe's path and the overrides.

    `--help` lists the keys of `schema`, if it is not None. The keys of the `--overlay` file come first among
    the overrides, so that the command line replaces them.
    """
    keys = "" if schema is None else "keys:\n" + "\n".join(describe_keys(schema)) + "\n\n"
    parser = _parser(prog, description, f"{keys}example:\n  {example}")
    parser.add_argument("recipe", metavar="RECIPE", type=Path, help="the YAML file")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="keys that replace the recipe's")
    arguments = parser.parse_intermixed_args(argv)
    return arguments.recipe, [*read_overlay(arguments.overlay), *arguments.overrides]


def recipes_arguments(
    *, prog: str, description: str, example: str, argv: Sequence[str] | None = None
) -> tuple[list[Path], list[str]]:
    """Parse `RECIPE [RECIPE ...] [key=value ...]` as `recipe_arguments` does."""
    parser = _parser(prog, description, f"example:\n  {example}")
    parser.add_argument("words", metavar="RECIPE", nargs="+", help="one YAML file, or several in a row")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="keys that replace the recipes'")
    arguments = parser.parse_intermixed_args(argv)
    first, *words = arguments.words + arguments.overrides
    recipes = [Path(first), *(Path(word) for word in words if "=" not in word)]
    return recipes, [*read_overlay(arguments.overlay), *(word for word in words if "=" in word)]


def _parser(prog: str, description: str, epilog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--overlay", metavar="FILE", type=Path, help="a YAML file of keys that replace the recipe's"
    )
    return parser


def read_overlay(path: Path | None) -> list[str]:
    """Read a YAML file as `key=value` words; None gives no words."""
    if path is None:
        return []
    from omegaconf import OmegaConf

    content = typing.cast(dict[str, Any], OmegaConf.to_container(read_yaml(path)))
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in content.items()]


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
        f"unknown key '{key}'{suggestion(key, _keys(schema))}"
        for key in _leaves(given)
        if not _knows(schema, key)
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
        return OmegaConf.from_dotlist(words)
    except (YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{' '.join(words)}: not readable as key=value: {error}") from error


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" with the most similar known word, or "" if none is similar."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean '{near[0]}'?" if near else ""


def describe_keys(schema: type[Any]) -> Iterator[str]:
    """Yield a line of help for each key: name, default and meaning."""
    for name, field in _fields(schema):
        left = f"  {name}" + ("" if field.default == "???" else f"={_shown_default(field)}")
        gap = " " * max(2, HELP_WIDTH - len(left))
        yield f"{left}{gap}{field.metadata.get('help', '')}"


def _shown_default(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return "null" if field.default is None else field.default
    default = field.default_factory() if field.default_factory is not dataclasses.MISSING else ""
    return f"[{','.join(default)}]" if isinstance(default, list) else default  # as the command line takes it


def _fields(schema: type[Any], prefix: str = "") -> Iterator[tuple[str, "dataclasses.Field[Any]"]]:
    """Yield every leaf key of a schema with its field; nested dataclasses have dotted keys."""
    types = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        if dataclasses.is_dataclass(types[field.name]):
            yield from _fields(typing.cast(type[Any], types[field.name]), f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field


def _keys(schema: type[Any]) -> list[str]:
    return [name for name, _ in _fields(schema)]


def _knows(schema: type[Any], key: str) -> bool:
    """Tell whether `key` is a key of the schema, an open mapping's entry, or a parent of keys."""
    return any(
        name == key or key.startswith(f"{name}.") or name.startswith(f"{key}.") for name in _keys(schema)
    )


def _leaves(config: Any, prefix: str = "") -> Iterator[str]:
    from omegaconf import DictConfig

    for key in config:
        value = config._get_node(key)
        if isinstance(value, DictConfig) and len(value):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
