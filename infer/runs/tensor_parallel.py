"""Predict with one model that several processes hold together."""

import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError
from infer.engines.opening import open_engine
from infer.engines.protocol import Engine
from infer.engines.settings import EngineSettings
from infer.recipe import InferRecipe
from infer.runs.predict import predict


def predict_together(recipe: InferRecipe, script: Path, words: Sequence[str]) -> Path | None:
    """Return the path of the predictions in the first of the processes, None in the others.

    In the process that the user has started, the script is launched again with these words, once for each
    part of the model, and the process ends with their exit code.

    Raises:
        UserError: somebody else has launched several processes, but not one for each part.
    """
    from infer.engines.paddle import group

    if group.processes() == 1:
        sys.exit(group.launch(recipe.tensor_parallel, script, words, recipe.output_path / "logs"))
    if group.processes() != recipe.tensor_parallel:
        raise UserError(
            f"tensor_parallel: {recipe.tensor_parallel} parts in {group.processes()} processes: start "
            "`python -m infer` without a launcher: it starts the processes itself"
        )

    def open_leader(settings: EngineSettings) -> Engine:
        return group.Leader(lambda: open_engine(settings))

    if group.begin(recipe.tensor_parallel):
        predictions = predict(recipe, open_leader)
        group.dismiss()
        return predictions
    group.follow(lambda: open_engine(recipe))
    return None
