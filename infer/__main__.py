"""`python -m infer RECIPE [key=value ...]`: ask a model a data set's questions, and score its boxes."""

import logging
import sys
from pathlib import Path

from grounding.errors import UserError, run_command
from grounding.recipe import load_recipe, recipe_arguments
from infer.engines.checkpoint import Checkpoint
from infer.engines.protocol import Engine
from infer.recipe import InferRecipe


def main() -> None:
    """Read the recipe, load the model, write the predictions, and score them where there is a truth."""
    path, overrides = recipe_arguments(
        InferRecipe,
        prog="python -m infer",
        description=__doc__ or "",
        example="python -m infer recipes/infer/demo.yaml limit=16",
    )
    from infer.runs.predict import predict

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = load_recipe(InferRecipe, path, overrides)
    predictions = predict_together(recipe) if recipe.tensor_parallel > 1 else predict(recipe, load_engine)
    if predictions is None:
        return
    if recipe.shard is not None:
        print(f"{predictions}\nwhen all shards are done: python -m infer.merge {recipe.output_dir}")
    elif recipe.split == "val":
        from infer.scoring.outputs import write_scores

        print(write_scores(predictions), end="")
    else:
        print(predictions)


def predict_together(recipe: InferRecipe) -> Path | None:
    """Predict with a model that several processes hold; None in all but the first of them."""
    from infer.engines.paddle import group as paddle_group
    from infer.runs.predict import checkpoint_of, predict

    if paddle_group.processes() == 1:
        logs = recipe.output_path / "logs"
        code = paddle_group.launch(recipe.tensor_parallel, Path(__file__), sys.argv[1:], logs)
        sys.exit(code)
    if paddle_group.processes() != recipe.tensor_parallel:
        raise UserError(
            f"tensor_parallel: {recipe.tensor_parallel} parts in {paddle_group.processes()} processes: "
            "start `python -m infer` by itself, it launches what it needs"
        )
    is_first = paddle_group.begin(recipe.tensor_parallel)

    def load(recipe: InferRecipe, checkpoint: Checkpoint | None) -> Engine:
        return paddle_group.Leader(lambda: load_engine(recipe, checkpoint))

    if is_first:
        predictions = predict(recipe, load)
        paddle_group.dismiss()
        return predictions
    paddle_group.follow(lambda: load_engine(recipe, checkpoint_of(recipe)))
    return None


def load_engine(recipe: InferRecipe, checkpoint: Checkpoint | None) -> Engine:
    """Load the engine that the recipe names; `checkpoint` is there for paddle."""
    if recipe.engine == "openai":
        return load_openai_engine(recipe)
    assert checkpoint is not None
    return load_paddle_engine(recipe, checkpoint)


def load_openai_engine(recipe: InferRecipe) -> Engine:
    """Import the client, which takes a second, only when there is something to ask."""
    from infer.engines.openai.client import OpenAIEngine

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
    from infer.engines.paddle.engine import PaddleEngine

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
        parts=recipe.tensor_parallel,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
