"""Fine-tune a model: `python -m train RECIPE [RECIPE ...] [key=value ...]`."""

import sys

from grounding.errors import run_command, start_logging
from grounding.recipe.arguments import recipes_arguments

DESCRIPTION = """Fine-tune a model with PaddleFormers, by one recipe or by several in sequence.

The keys are PaddleFormers' own. Interrupted runs resume: repeat the command. In a sequence, a recipe can
start from the output_dir of an earlier one; output_dir=FOLDER makes a folder in FOLDER for each recipe.

The trainer gets the environment variables that libraries and devices read, without keys and passwords. The
variable VISUAL_GROUNDING_ENV=NAME,PREFIX_* names more to pass on."""


def main() -> int:
    """Run `python -m train RECIPE [RECIPE ...] [key=value ...]`."""
    paths, overrides = recipes_arguments(
        prog="python -m train",
        description=DESCRIPTION,
        example="python -m train recipes/train/tiny_full.yaml max_steps=100",
    )
    from train.launch.sequence import train_sequence

    return train_sequence(paths, overrides)


if __name__ == "__main__":
    start_logging()
    sys.exit(run_command(main))
