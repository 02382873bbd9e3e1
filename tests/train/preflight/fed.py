"""What PaddleFormers' own training feeds to the model: `python fed.py RECIPE ... > JSON`, a line for each.

Everything up to the trainer is the real run: arguments, model, tokenizer, processor, data set, collator.
"""

import json
import sys
from itertools import islice
from typing import Any

from paddleformers.cli.train import tuner
from paddleformers.cli.train.sft import workflow

from train.launch.command import PLUGIN

ESTIMATES: list[dict[str, int]] = []


class Feeder:
    """Stands in for the trainer: takes an epoch from the data set, and its batches from the collator."""

    def __init__(self, *, args: Any, train_dataset: Any, data_collator: Any, **others: Any) -> None:
        count = len(train_dataset)
        groups = list(islice(iter(train_dataset), count))
        size = args.per_device_train_batch_size
        batches = [data_collator(groups[start : start + size]) for start in range(0, count - size + 1, size)]
        row = {
            "packs": [[[int(id) for id in sequence.token_ids] for sequence in pack] for pack in groups],
            "learned": [sum(label != -100 for label in s.labels) for pack in groups for s in pack],
            "positions": [int(batch["input_ids"].size) for batch in batches],
            **ESTIMATES[-1],
        }
        sys.stdout.write(f"\nFED {json.dumps(row)}\n")
        raise StopIteration


def main() -> None:
    real_estimate = workflow.estimate_training

    def estimate_training(dataset: Any, *arguments: Any) -> int:
        steps = int(real_estimate(dataset, *arguments))
        ESTIMATES.append({"steps": steps, "used": dataset.used_samples, "dropped": dataset.unused_samples})
        return steps

    workflow.estimate_training = estimate_training
    workflow.SFTTrainer = Feeder
    for recipe in sys.argv[1:]:
        sys.argv = ["paddleformers-cli", "train", recipe, f"custom_register_path={PLUGIN}"]
        try:
            tuner.run_tuner()
        except StopIteration:
            continue


if __name__ == "__main__":
    main()
