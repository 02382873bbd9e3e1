"""The pre-flight check of a train recipe: `python -m train.check RECIPE [key=value ...]`."""

import logging
import sys
from collections.abc import Sequence

from grounding.errors import run_command, start_logging
from grounding.recipe.arguments import recipe_arguments

log = logging.getLogger(__name__)


DESCRIPTION = """Check a train recipe: keys, files, data set, model, GPUs and memory.

All problems are reported at once. The check also says what the run will do: lengths of the records (encoded
as in training) and how many are dropped, padding, effective batch size, steps, memory. Three settings are the
check's own, the other keys are PaddleFormers': check_samples=200 (records to encode, 0 for none), gpus=8 and
gpu_memory_gb=80 (of the machine that will train)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.check RECIPE [key=value ...]`."""
    path, overrides = recipe_arguments(
        None,
        prog="python -m train.check",
        description=DESCRIPTION,
        example="python -m train.check recipes/train/tiny_full.yaml max_steps=10",
        argv=argv,
    )
    from train.preflight.all_checks import check_recipe

    values = check_recipe(path, overrides)
    log.info("%s: %d keys, no problem found", path, len(values))
    return 0


if __name__ == "__main__":
    start_logging()
    sys.exit(run_command(main, resumes=False))
