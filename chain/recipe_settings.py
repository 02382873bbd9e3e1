"""The settings of a step: its recipe with the overrides, checked by the command's own schema."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from chain.step_kinds import NO_IDENTITY
from grounding.errors import UserError
from grounding.recipe.loading import load_recipe, load_settings, parse_overrides, read_yaml

EXPORT_KEYS = ("output_dir", "download_hub")
"""What train.export takes of a train recipe."""


def resolve_settings(command: str, path: Path | None, words: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a command by dotted key: what recipe and words say, without defaults.

    Raises:
        UserError: the recipe or a word is none for this command.
    """
    if command in ("train", "train.export"):
        values = _train_settings(command, cast(Path, path), words)
    else:
        values = _checked(command, path, words)
    flat = dict(_flat(values))
    return {key: value for key, value in flat.items() if key not in NO_IDENTITY}


def check_before(command: str, path: Path, words: Sequence[str]) -> None:
    """Check the keys of a recipe that will be trained, long before its turn comes.

    Raises:
        UserError: every problem that needs the recipe alone to be found.
    """
    if command == "train":
        from train.preflight.all_checks import RECIPE_CHECKS, check_recipe

        check_recipe(path, words, RECIPE_CHECKS)


def _train_settings(command: str, path: Path, words: Sequence[str]) -> dict[str, Any]:
    from train.recipe import resolve_recipe, split_options

    values = resolve_recipe(path, split_options(words)[0])
    if command == "train.export":
        return {key: values[key] for key in EXPORT_KEYS if key in values}
    return values


def _checked(command: str, path: Path | None, words: Sequence[str]) -> dict[str, Any]:
    """Check a recipe and its words, or words alone, by the schema of their command."""
    from omegaconf import OmegaConf

    if command == "infer.suite":
        return _suite_settings(cast(Path, path), words)
    schema = _schema(command)
    if command == "infer.parallel":  # its own key, which changes no answer
        words = [word for word in words if not word.startswith("processes=")]
    if path is None:
        load_settings(schema, words)
        return cast(dict[str, Any], OmegaConf.to_container(parse_overrides(words)))
    load_recipe(schema, path, words)
    merged = OmegaConf.merge(read_yaml(path), parse_overrides(words))
    return cast(dict[str, Any], OmegaConf.to_container(merged, resolve=True))


def _suite_settings(path: Path, words: Sequence[str]) -> dict[str, Any]:
    from grounding.suites.suite_recipe import load_suite
    from infer.suite.suite_members import check_asked

    suite = load_suite(path, list(words))
    check_asked(suite, path)
    return {key: value for key, value in dataclasses.asdict(suite).items() if value not in (None, {}, [])}


def _schema(command: str) -> type[Any]:
    if command in ("prepare", "prepare.each"):
        from prepare.recipe import PrepareRecipe

        return PrepareRecipe
    if command == "prepare.shapes":
        from prepare.shapes.scenes import ShapeSettings

        return ShapeSettings
    if command == "train.tiny":
        from train.tiny.config_files import TinySettings

        return TinySettings
    if command == "train.box_head":
        from train.box_head.box_head_recipe import BoxHeadRecipe

        return BoxHeadRecipe
    if command in ("infer", "infer.parallel", "infer.calibrate"):
        from infer.recipe import InferRecipe

        return InferRecipe
    raise UserError(f"{command}: has no recipe")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
