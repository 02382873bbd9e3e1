"""`python -m infer RECIPE [key=value ...]`: ask a model a data set's questions, and score its boxes."""

import logging
import sys

from grounding.errors import run_command
from grounding.recipe import load_recipe, recipe_arguments
from infer.checkpoint import Checkpoint
from infer.engine import Engine
from infer.recipe import InferRecipe


def main() -> None:
    """Read the recipe, load the model, write the predictions, and score them where there is a truth."""
    path, overrides = recipe_arguments(
        InferRecipe,
        prog="python -m infer",
        description=__doc__ or "",
        example="python -m infer recipes/infer/demo.yaml limit=16",
    )
    from infer.predict import predict

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = load_recipe(InferRecipe, path, overrides)
    predictions = predict(recipe, load_paddle_engine)
    if recipe.split == "val":
        from infer.score import report

        print(report(predictions), end="")
    else:
        print(predictions)


def load_paddle_engine(recipe: InferRecipe, checkpoint: Checkpoint) -> Engine:
    """Import Paddle, which takes seconds, only when there is something to ask."""
    from infer.paddle_engine import PaddleEngine

    return PaddleEngine(
        checkpoint,
        device=recipe.device,
        dtype=recipe.dtype,
        max_new_tokens=recipe.max_new_tokens,
        temperature=recipe.temperature,
        top_p=recipe.top_p,
        seed=recipe.seed,
        rows=recipe.batch_size,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
