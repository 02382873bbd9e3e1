"""Fine-tune a model: `python -m train RECIPE [RECIPE ...] [key=value ...]`."""

import logging
import sys

from grounding.errors import run_command
from grounding.recipe import recipes_arguments

DESCRIPTION = """Fine-tune a model with PaddleFormers as a recipe says, or as several say in a row.

Keys are PaddleFormers' own. A run that was stopped goes on when it is started again. In a row, a recipe can
start from the output_dir of an earlier one; output_dir=FOLDER then has a folder in it for each recipe."""


def main() -> int:
    """Check the recipes, then train."""
    paths, overrides = recipes_arguments(
        prog="python -m train",
        description=DESCRIPTION,
        example="python -m train recipes/train/tiny_full.yaml max_steps=100",
    )
    from train.launch.sequence import train_row

    return train_row(paths, overrides)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(run_command(main))
