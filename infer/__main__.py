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
    predictions = predict(recipe, load_engine)
    if recipe.shard is not None:
        print(f"{predictions}\nwhen all shards are done: python -m infer.merge {recipe.output_dir}")
    elif recipe.split == "val":
        from infer.score import report

        print(report(predictions), end="")
    else:
        print(predictions)


def load_engine(recipe: InferRecipe, checkpoint: Checkpoint | None) -> Engine:
    """Load the engine that the recipe names; `checkpoint` is there for paddle."""
    if recipe.engine == "openai":
        return load_openai_engine(recipe)
    assert checkpoint is not None
    return load_paddle_engine(recipe, checkpoint)


def load_openai_engine(recipe: InferRecipe) -> Engine:
    """Import the client, which takes a second, only when there is something to ask."""
    from infer.openai_engine import OpenAIEngine

    assert recipe.base_url is not None
    assert recipe.model is not None
    return OpenAIEngine(
        recipe.base_url,
        recipe.model,
        max_new_tokens=recipe.max_new_tokens,
        timeout=recipe.timeout,
        retries=recipe.retries,
        with_tokens=recipe.score != "none",
        temperature=recipe.temperature,
        top_p=recipe.top_p,
        seed=recipe.seed,
        request=recipe.request,
    )


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
        with_tokens=recipe.score != "none",
        rows=recipe.batch_size,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
