"""The command line of a step: `RECIPE [key=value ...]`."""

import argparse
import json
import typing
from collections.abc import Sequence
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
