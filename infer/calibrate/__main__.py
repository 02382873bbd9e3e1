"""`python -m infer.calibrate RECIPE [key=value ...]`: make the scores of a checkpoint's boxes probabilities.

It asks about the calibration part of the data set (prepare's calibration.share), fits how likely a box is
right to what its tokens tell, and writes calibration.json beside the checkpoint. `score=calibrated` then
scores boxes by it. Without such a part it asks about training images, never about validation images.
`limit` is the number of questions; `split`, `shard` and `output_dir` have no effect.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

from grounding.errors import UserError, print_result, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments
from grounding.recipe.loading import load_recipe
from infer.engines.settings import CALIBRATED
from infer.recipe import InferRecipe


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, fit, save, and print the table of the cross-validation."""
    path, overrides = recipe_arguments(
        InferRecipe,
        prog="python -m infer.calibrate",
        description=__doc__ or "",
        example="python -m infer.calibrate recipes/infer/demo.yaml limit=500",
        argv=argv,
    )
    start_logging()
    recipe = load_recipe(InferRecipe, path, overrides)
    if recipe.tensor_parallel > 1:
        raise UserError(
            "tensor_parallel: the calibration is made by one process: serve the model, and set engine=openai"
        )
    if any(word.partition("=")[0] == "split" for word in overrides):
        raise UserError("split: the calibration is fitted on the data set's calibration part: leave it out")
    from infer.calibrate.making import make_calibration
    from infer.engines.opening import open_engine

    print_result(make_calibration(replace(recipe, score=CALIBRATED, shard=None), open_engine))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
