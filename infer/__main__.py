"""`python -m infer RECIPE [key=value ...]`: ask a model the questions of a data set, and score its boxes.

Interrupted runs resume: repeat the command.
"""

import sys
from pathlib import Path

from grounding.errors import print_result, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments
from grounding.recipe.loading import load_recipe
from infer.recipe import InferRecipe


def main() -> None:
    """Load the model, write the predictions, and score them where there is a ground truth."""
    path, overrides = recipe_arguments(
        InferRecipe,
        prog="python -m infer",
        description=__doc__ or "",
        example="python -m infer recipes/infer/demo.yaml limit=16",
    )
    start_logging()
    recipe = load_recipe(InferRecipe, path, overrides)
    if (predictions := _predict(recipe)) is None:
        return
    if recipe.shard is not None:
        print_result(f"{predictions}\nwhen all shards are done: python -m infer.merge {recipe.output_dir}")
    elif recipe.split == "val":
        from infer.scoring.outputs import write_scores

        print_result(write_scores(predictions, max_detections=recipe.max_detections).rstrip("\n"))
    else:
        print_result(str(predictions))


def _predict(recipe: InferRecipe) -> Path | None:
    """Return the path of the predictions; None in a process that only holds a part of the model."""
    if recipe.tensor_parallel > 1:
        from infer.runs.tensor_parallel import predict_together

        return predict_together(recipe, Path(__file__), sys.argv[1:])
    from infer.engines.opening import open_engine
    from infer.runs.predict import predict

    return predict(recipe, open_engine)


if __name__ == "__main__":
    sys.exit(run_command(main))
