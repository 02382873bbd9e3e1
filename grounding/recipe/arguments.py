"""The command lines of steps: `RECIPE [key=value ...]`, and `WORD ... [key=value ...]`."""

import argparse
import json
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.recipe.loading import read_yaml
from grounding.recipe.schema import describe_keys


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


@dataclass(frozen=True)
class Word:
    """A word that a command takes before its settings; `read` makes a value of it."""

    name: str
    help: str
    read: Callable[[str], Any] = Path


def settings_arguments(
    schema: type[Any],
    *words: Word,
    prog: str,
    description: str,
    epilog: str,
    example: str,
    argv: Sequence[str] | None = None,
    with_overlay: bool = False,
) -> tuple[list[Any], list[str]]:
    """Parse `WORD ... [key=value ...]`, and return the values of the words and the settings.

    `--help` lists the keys of `schema` before the epilog, and names `example` among the settings. With an
    overlay, the keys of its file come first, so that the command line replaces them.
    """
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog="keys:\n" + "\n".join(describe_keys(schema)) + "\n\n" + epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for word in words:
        parser.add_argument(word.name, type=word.read, help=word.help)
    parser.add_argument("settings", metavar="key=value", nargs="*", help=f"settings, such as {example}")
    if with_overlay:
        parser.add_argument(
            "--overlay",
            metavar="FILE",
            type=Path,
            help="a YAML file of keys that stand before those of the line",
        )
    arguments = parser.parse_args(argv)
    overlay = read_overlay(arguments.overlay) if with_overlay else []
    return [getattr(arguments, word.name) for word in words], [*overlay, *arguments.settings]


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
