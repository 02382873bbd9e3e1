"""Find the data set that a command line names: a folder, a JSONL file, or the recipe that made it."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError
from grounding.layout import ALL_JSONL_FILES, CALIBRATION_SPLIT, JSONL_FILES
from grounding.recipe.loading import load_recipe
from prepare.recipe import PrepareRecipe
from prepare.split_of_name import split_of

RECIPE_SUFFIXES = (".yaml", ".yml")


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `find_place` takes: `dataset` and `overrides`."""
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        type=Path,
        help="folder of a data set, JSONL file, or the recipe that the data set was prepared with",
    )
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="keys that replace the recipe's")


def find_place(place: Path, overrides: Sequence[str] = ()) -> Path:
    """Return the folder or JSONL file as given; for a recipe with overrides, its output_dir.

    Raises:
        UserError: the recipe cannot be read, or there are overrides without a recipe.
    """
    if place.suffix in RECIPE_SUFFIXES:
        return Path(load_recipe(PrepareRecipe, place, overrides).output_dir).expanduser()
    if overrides:
        raise UserError(f"{' '.join(overrides)}: only a recipe takes key=value, and '{place}' is no recipe")
    return place


def find_jsonl(place: Path) -> dict[str, Path]:
    """Return the JSONL of each split; a single file is train, or another split if its name says so.

    Raises:
        UserError: the folder has neither.
    """
    if place.is_file():
        if place.name == ALL_JSONL_FILES[CALIBRATION_SPLIT]:
            return {CALIBRATION_SPLIT: place}
        return {"val" if split_of(place.stem) == "val" else "train": place}
    files = {split: place / name for split, name in ALL_JSONL_FILES.items()}
    found = {split: path for split, path in files.items() if path.is_file()}
    if not found:
        raise UserError(
            f"{place}: no {' or '.join(JSONL_FILES.values())}: name a data set's folder or a JSONL file"
        )
    return found
