"""`python -m train.box_head RECIPE [key=value ...]`: train a head that corrects a checkpoint's boxes.

The checkpoint stays as it is. Its own answers to training questions are matched with the truth. The head
reads the hidden states at each box, and learns a correction in continuous coordinates, and whether the box
matches an object. It is saved as box_head/box_head.safetensors beside the checkpoint; `boxes=head` and
`score=head` of `python -m infer` use it. Interrupted runs resume: repeat the command.
"""

import sys
from collections.abc import Sequence

from grounding.errors import UserError, print_result, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments
from grounding.recipe.loading import load_recipe
from train.box_head.box_head_recipe import BoxHeadRecipe


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, read, fit, save, and print what the head does to held-out boxes."""
    path, overrides = recipe_arguments(
        BoxHeadRecipe,
        prog="python -m train.box_head",
        description=__doc__ or "",
        example="python -m train.box_head recipes/box_head/demo.yaml limit=500",
        argv=argv,
    )
    start_logging()
    if any(word.partition("=")[0] == "split" for word in overrides):
        raise UserError(
            "split: a head learns from the training split alone, scores need the others: leave it out"
        )
    from train.box_head.head_making import make_box_head

    print_result(make_box_head(load_recipe(BoxHeadRecipe, path, overrides)))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
