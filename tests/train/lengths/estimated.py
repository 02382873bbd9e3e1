"""Both counts of a run's steps: `python estimated.py RECIPE ...`, a line of JSON for each recipe.

PaddleFormers' own count decodes every image; ours decodes none. Everything up to the trainer is the real run.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from paddleformers.cli.train import tuner
from paddleformers.cli.train.sft import workflow
from paddleformers.datasets.SFTDataset import MapSFTDataset
from PIL import Image

from train.inside.patches import needed
from train.launch.command import PLUGIN

ESTIMATE, PACK = workflow.estimate_training, MapSFTDataset._compute_packed_idx
PATCH, LOAD = needed.count_steps_without_pixels, Image.Image.load
COUNTED: dict[str, Any] = {}


class Counter:
    """Stands in for the trainer: notes the steps and, of a data set with an index, the packs."""

    def __init__(self, *, args: Any, train_dataset: Any, **others: Any) -> None:
        del others
        COUNTED["max_steps"] = args.max_steps
        COUNTED["packed"] = getattr(train_dataset, "packed_idx", None)
        raise StopIteration


def estimate_and_note(dataset: Any, data: Any, training: Any, model: Any) -> Any:
    """Count, and note all that PaddleFormers writes about its count."""
    with tempfile.TemporaryDirectory() as folder:
        training.estimation_output_file = str(Path(folder) / "estimated.json")
        steps = ESTIMATE(dataset, data, training, model)
        COUNTED.update(json.loads(Path(training.estimation_output_file).read_text()))
        training.estimation_output_file = None
    return steps


def count(recipe: str, *, patched: bool) -> dict[str, Any]:
    """Return what a run of the recipe counts before its first step, and how many images it decodes."""
    loads = 0

    def load(self: Any) -> Any:
        nonlocal loads
        loads += 1
        return LOAD(self)

    COUNTED.clear()
    workflow.estimate_training, MapSFTDataset._compute_packed_idx = estimate_and_note, PACK
    needed.count_steps_without_pixels = PATCH if patched else lambda recipe: "left out"
    Image.Image.load = load
    sys.argv = ["paddleformers-cli", "train", recipe, f"custom_register_path={PLUGIN}"]
    try:
        tuner.run_tuner()
    except StopIteration:
        return {**COUNTED, "loads": loads}
    finally:
        Image.Image.load = LOAD
    raise AssertionError("the run has made no trainer")


def main() -> None:
    """Print both counts of every recipe, from the first process."""
    workflow.SFTTrainer = Counter
    for recipe in sys.argv[1:]:
        row = {"own": count(recipe, patched=False), "ours": count(recipe, patched=True)}
        if os.environ.get("PADDLE_TRAINER_ID", "0") == "0":
            sys.stdout.write(f"\nCOUNTED {json.dumps(row)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
