"""`python -m train.gpu_check.evidence.first_loss RUN JSONL OUT`: the loss of records, calculated apart.

The records are encoded as the run encodes them, and then read one by one, in float32 on the CPU, by the plain
Paddle model: without batch, padding, packing, mask or patches. The cross entropy is numpy's, in float64.
"""

import argparse
import sys
from collections.abc import Sequence
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from grounding.errors import UserError, run_command
from grounding.files import write_json
from grounding.layout import TRAIN_RECIPE_FILE
from models.family import LoadOptions
from models.lookup import family_of_folder
from train.keys import quiet_imports
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe, resolve_recipe

EXAMPLE = (
    "example: python -m train.gpu_check.evidence.first_loss checkpoints/run data/demo/train.jsonl loss.json"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Write OUT, a JSON file with the mean loss of all learned tokens and their number."""
    parser = argparse.ArgumentParser(
        prog="python -m train.gpu_check.evidence.first_loss", description=__doc__, epilog=EXAMPLE
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run's folder, with train.yaml")
    parser.add_argument("records", metavar="JSONL", type=Path, help="the records of its first step")
    parser.add_argument("out", metavar="OUT", type=Path, help="the file to write")
    arguments = parser.parse_args(argv)
    values = resolve_recipe(arguments.run / TRAIN_RECIPE_FILE)
    recipe = TrainRecipe({**values, "train_dataset_path": str(arguments.records)})
    total, count = sum_losses(recipe)
    write_json(arguments.out, {"loss": total / count, "tokens": count})
    return 0


def sum_losses(recipe: TrainRecipe) -> tuple[float, int]:
    """Return the summed loss of all records in nats, and the number of their learned tokens.

    Raises:
        UserError: a record cannot be encoded, or nothing is learned.
    """
    with quiet_imports():
        import paddle

    paddle.set_device("cpu")
    folder = Path(recipe.model)
    model = family_of_folder(folder).load_model(folder, None, LoadOptions("float32", has_gpu=False))
    known: dict[tuple[object, bytes], npt.NDArray[np.float64]] = {}
    total, count = 0.0, 0
    for sequence in encoded_records(recipe):
        key = tuple(sequence.token_ids), sequence.mm_inputs["pixel_values"].numpy().tobytes()
        if key not in known:  # the records of a step may be copies of one
            known[key] = _record_losses(model, sequence)
        total, count = total + float(known[key].sum()), count + len(known[key])
    if not count:
        raise UserError("the records of the first step have no token to learn")
    return total, count


def _record_losses(model: Any, sequence: Any) -> npt.NDArray[np.float64]:
    import paddle

    with paddle.no_grad():
        logits = model(
            input_ids=paddle.to_tensor([sequence.token_ids]),
            pixel_values=sequence.mm_inputs["pixel_values"],
            image_grid_thw=sequence.mm_inputs["image_grid_thw"],
        ).logits
    return token_losses(logits[0].numpy(), np.array(sequence.labels))


def token_losses(logits: npt.NDArray[Any], labels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return each learned token's cross entropy, from logits (tokens, vocabulary) and labels (tokens)."""
    learned = labels >= 0  # the others are -100
    picked, wanted = logits[learned].astype(np.float64), labels[learned]
    highest = picked.max(axis=-1, keepdims=True)
    logsumexp = np.log(np.exp(picked - highest).sum(axis=-1)) + highest[:, 0]
    return np.asarray(logsumexp - picked[np.arange(len(wanted)), wanted], np.float64)


def encoded_records(recipe: TrainRecipe) -> list[Any]:
    """Encode every record of the recipe's data set once."""
    with quiet_imports():
        dataset = training_dataset(recipe, 1)
        examples = islice(iter(dataset.mix_datasets), len(dataset.mix_datasets))
        return [dataset._process_sft_sequence(deepcopy(example), 1) for example in examples]


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
