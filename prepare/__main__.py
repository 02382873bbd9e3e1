"""`python -m prepare RECIPE [key=value ...]`: prepare a data set from annotated photographs."""

import gc
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
        description="Annotated photographs into JSONL, images/, annotations_val.json and card.json.",
        example="python -m prepare recipes/prepare/coco.yaml seed=7 output_dir=data/coco_seed7",
    )
    recipe = load_recipe(Recipe, path, overrides)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from prepare.pipeline import prepare_dataset
    from prepare.report import describe

    # Millions of small objects live to the end, and looking through them again and again takes a tenth of
    # the time; what makes cycles, an image that does not decode, is rare.
    gc.set_threshold(100_000)
    card = prepare_dataset(recipe)
    print(describe(card))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
