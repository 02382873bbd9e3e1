"""`python -m prepare.each RECIPE [key=value ...]`: every folder in source.path as a data set of its own.

For collections of data sets in one layout, such as ODinW and RF100-VL: a folder NAME in source.path becomes
the data set output_dir/NAME. Interrupted runs resume: repeat the command. A folder that cannot be prepared is
named at the end, with exit code 2; the others are prepared.
"""

import dataclasses
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import USER_ERROR_EXIT_CODE, UserError, print_result, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments
from grounding.recipe.loading import load_recipe
from prepare.recipe import PrepareRecipe

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the folders, print a row for each, and return 0, or 2 if one has a problem."""
    path, overrides = recipe_arguments(
        PrepareRecipe,
        prog="python -m prepare.each",
        description=__doc__ or "",
        example="python -m prepare.each recipes/prepare/roboflow.yaml source.path=rf20 output_dir=data/rf20",
        argv=argv,
    )
    start_logging()
    recipe = load_recipe(PrepareRecipe, path, overrides)
    folders = list_sources(recipe)
    rows, problems = [], []
    for number, folder in enumerate(folders, start=1):
        log.info("%s: %d of %d", folder, number, len(folders))
        try:
            rows.append(_prepare_one(recipe, folder))
        except UserError as error:
            problems.append(f"{folder.name}: {error}")
    from grounding.tables import format_table

    columns = ("train", "train boxes", "val", "val boxes", "categories")
    print_result(format_table(("data set", *columns), rows))
    for problem in problems:
        print_result(f"problem: {problem}")
    return USER_ERROR_EXIT_CODE if problems else 0


def list_sources(recipe: PrepareRecipe) -> list[Path]:
    """Return the folders in the recipe's source.path, by name.

    Raises:
        UserError: there are none.
    """
    place = Path(str(recipe.source.path)).expanduser()
    found = [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
    folders = sorted(path for path in found if not path.name.startswith("."))
    if not folders:
        raise UserError(
            f"source.path: {place}: no folders in it: name the one that holds a folder for each data set"
        )
    return folders


def _prepare_one(recipe: PrepareRecipe, folder: Path) -> list[str]:
    from prepare.pipeline import prepare_dataset

    _refuse_versions(recipe, folder)
    source = dataclasses.replace(recipe.source, path=str(folder))
    output_dir = str(Path(recipe.output_dir) / folder.name)
    card = prepare_dataset(dataclasses.replace(recipe, source=source, output_dir=output_dir))
    counts = [
        f"{card.counts[split][column]:,}" for split in ("train", "val") for column in ("images", "boxes")
    ]
    return [folder.name, *counts, str(len(card.categories))]


def _refuse_versions(recipe: PrepareRecipe, folder: Path) -> None:
    """Refuse a folder with several versions of its data set: a split has one annotation file.

    Raises:
        UserError: a pattern fits several files.
    """
    from prepare.sources.shared.file_patterns import find_files

    for key in ("train_files", "val_files"):
        pattern = getattr(recipe.source, key)
        found = find_files(folder, pattern) if pattern else ()
        if len(found) > 1:
            names = ", ".join(path.relative_to(folder).as_posix() for path in found[:3])
            raise UserError(
                f"source.{key}: '{pattern}' fits {len(found)} files ({names}): a split has one: "
                "move the other versions out of the folder"
            )


if __name__ == "__main__":
    sys.exit(run_command(main))
