"""Fine-tune a model: `python -m train RECIPE [key=value ...]`."""

import logging
import sys

from grounding.errors import run_command
from grounding.recipe import recipe_arguments

DESCRIPTION = """Fine-tune a model with PaddleFormers as a recipe says.

Keys are PaddleFormers' own. A run that was stopped goes on when it is started again."""


def main() -> int:
    """Check the recipe, then train."""
    path, overrides = recipe_arguments(
        None,
        prog="python -m train",
        description=DESCRIPTION,
        example="python -m train recipes/train/tiny_full.yaml max_steps=100",
    )
    from train.launch import train

    return train(path, overrides)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(run_command(main))
