"""`python -m prepare RECIPE [key=value ...]`: prepare a data set from COCO parquet files."""

import logging
import sys

from grounding.errors import run_command
from grounding.recipe import load_recipe, recipe_arguments
from prepare.recipe import Recipe


def main() -> int:
    """Read the recipe, prepare the data set, print what was kept and dropped."""
    path, overrides = recipe_arguments(
        Recipe,
        prog="python -m prepare",
        description="COCO parquet into train.jsonl, val.jsonl, annotations_val.json, images/ and card.json.",
        example="python -m prepare recipes/prepare/coco.yaml seed=7 output_dir=data/coco_seed7",
    )
    recipe = load_recipe(Recipe, path, overrides)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from prepare.dataset import prepare_dataset
    from prepare.report import describe

    card = prepare_dataset(recipe)
    print(describe(card))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
