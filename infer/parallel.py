"""`python -m infer.parallel RECIPE [key=value ...]`: the shards of a run side by side, one on each GPU.

It starts one process of `python -m infer` for each visible GPU, or as many as `processes=` says, each with
its share of the images. Their predictions are merged and scored. Interrupted runs resume: repeat the command.
"""

import sys
from collections.abc import Sequence

from grounding.errors import UserError, print_result, run_command
from grounding.recipe.arguments import recipe_arguments
from grounding.recipe.loading import load_recipe
from infer.recipe import InferRecipe


def main() -> None:
    """Run the shards, merge them, and score them where there is a ground truth."""
    path, words = recipe_arguments(
        InferRecipe,
        prog="python -m infer.parallel",
        description=__doc__ or "",
        example="python -m infer.parallel recipes/infer/demo.yaml processes=2",
    )
    processes, overrides = _take_processes(words)
    recipe = load_recipe(InferRecipe, path, overrides)
    if recipe.shard is not None:
        raise UserError("shard: this command sets it for each process: leave it out")
    from infer.runs.shard_processes import choose_devices, run_shards
    from infer.runs.shards import merge_shards

    run_shards(path, overrides, choose_devices(recipe, processes))
    predictions = merge_shards(recipe.output_path)
    if recipe.split == "val":
        from infer.scoring.outputs import write_scores

        print_result(write_scores(predictions, max_detections=recipe.max_detections).rstrip("\n"))
    else:
        print_result(str(predictions))


def _take_processes(overrides: Sequence[str]) -> tuple[int | None, list[str]]:
    """Split off `processes=N`, which is this command's own key."""
    own = [word for word in overrides if word.startswith("processes=")]
    if not own:
        return None, list(overrides)
    value = own[-1].partition("=")[2]
    if not value.isdecimal() or int(value) < 1:
        raise UserError(f"processes: '{value}' is not a whole number of 1 or more")
    return int(value), [word for word in overrides if word not in own]


if __name__ == "__main__":
    sys.exit(run_command(main))
