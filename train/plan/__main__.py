"""The memory plan of a train recipe: `python -m train.plan RECIPE [key=value ...]`."""

import logging
import sys
from collections.abc import Sequence

from grounding.errors import UserError, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments

log = logging.getLogger(__name__)

DESCRIPTION = """Calculate what a training run needs of each GPU's memory. No GPU is needed.

Two settings are the plan's own: gpus=8 (all GPUs of all nodes; default: the visible ones, or as few as the
recipe's degrees allow) and gpu_memory_gb=24 (default: the visible card's, or 80). The formulas and their
sources are at the top of train/plan/memory.py; nothing was measured on a GPU. Exit code 2 if the run does
not fit."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.plan RECIPE [key=value ...]`.

    Raises:
        UserError: the run does not fit, with what to change; or it cannot be planned.
    """
    path, overrides = recipe_arguments(
        None,
        prog="python -m train.plan",
        description=DESCRIPTION,
        example="python -m train.plan recipes/train/qwen3_vl_8b_lora.yaml gpus=1 gpu_memory_gb=24",
        argv=argv,
    )
    from train.plan.memory_table import plan_lines, plan_recipe

    result = plan_recipe(path, overrides)
    for line in plan_lines(result):
        log.info("%s", line)
    if not result.fits:
        raise UserError(f"{path}: {result.summary}: {result.advice}")
    return 0


if __name__ == "__main__":
    start_logging()
    sys.exit(run_command(main, resumes=False))
