"""`python -m prepare RECIPE [key=value ...]`: prepare a data set from annotated photographs."""

import gc
import sys

from grounding.errors import print_result, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments
from grounding.recipe.loading import load_recipe
from prepare.recipe import PrepareRecipe


def main() -> int:
    """Read the recipe, prepare the data set, print what was kept and dropped."""
    path, overrides = recipe_arguments(
        PrepareRecipe,
        prog="python -m prepare",
        description="Turn annotated photographs into JSONL, images/, annotations_val.json and card.json. "
        "Interrupted runs resume: repeat the command.",
        example="python -m prepare recipes/prepare/coco.yaml seed=7 output_dir=data/coco_seed7",
    )
    recipe = load_recipe(PrepareRecipe, path, overrides)
    start_logging()
    from prepare.pipeline import prepare_dataset
    from prepare.report import describe_card

    # Millions of small objects live to the end of the run; frequent collections would take a tenth of the
    # time. Only images that do not decode create reference cycles, and these are rare.
    gc.set_threshold(100_000)
    card = prepare_dataset(recipe)
    print_result(describe_card(card))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
