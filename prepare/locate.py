"""Which data set a command is about: its folder, or the recipe that it was made with."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError
from grounding.recipe import load_recipe
from prepare.recipe import PrepareRecipe

RECIPE_SUFFIXES = (".yaml", ".yml")


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `find_place` takes: `dataset` and `overrides`."""
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        type=Path,
        help="a data set's folder, a JSONL file, or the recipe that it was prepared with",
    )
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="keys that replace the recipe's")


def find_place(place: Path, overrides: Sequence[str] = ()) -> Path:
    """Return a data set's folder or JSONL file; of a recipe with overrides, its output_dir.

    Raises:
        UserError: there is nothing, or the recipe cannot be read.
    """
    if place.suffix in RECIPE_SUFFIXES:
        return Path(load_recipe(PrepareRecipe, place, overrides).output_dir).expanduser()
    if overrides:
        raise UserError(f"{' '.join(overrides)}: only a recipe takes key=value, '{place}' is none")
    return place


def find_jsonl(place: Path) -> dict[str, Path]:
    """Return the JSONL of each split; a single file is train, unless its name says that it is val.

    Raises:
        UserError: there is none.
    """
    if place.is_file():
        return {"val" if "val" in place.stem.lower() else "train": place}
    files = {split: place / f"{split}.jsonl" for split in ("train", "val")}
    found = {split: path for split, path in files.items() if path.is_file()}
    if not found:
        raise UserError(f"{place}: no train.jsonl or val.jsonl: name a data set's folder or a JSONL file")
    return found
