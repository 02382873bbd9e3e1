"""Batches of a resumed run: `python skipped.py RECIPE`, for each way of reading a line of JSON.

The batches before the checkpoint are read by a data loader, with and without the patch.
"""

import hashlib
import json
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from paddle.io import DataLoader
from paddleformers.trainer.trainer_utils import IterableDatasetShard

from train.inside.patches.paddleformers_1_2.always import skip_trained_records_unencoded as patch
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe

SIZE, KEPT = 2, 9
"""Records or packs of a batch, and batches that are compared."""

WAYS: list[dict[str, Any]] = [
    {"skip": 7, "workers": 0},
    {"skip": 1, "workers": 2},
    {"skip": 9, "workers": 2},
    {"skip": 2, "workers": 3},
    {"skip": 40, "workers": 2},
    {"skip": 5, "workers": 2, "processes": 2},
    {"skip": 6, "workers": 0, "packing": True, "binpacking": False, "greedy_intokens": False},
    {"skip": 7, "workers": 2, "packing": True, "binpacking": False, "packing_interval": 7},
    {"skip": 3, "workers": 2, "packing": True, "packing_interval": 9},
    {"skip": 5, "workers": 1, "truncation_strategy": "right", "max_seq_len": 90},
]


def collate(groups: list[list[Any]]) -> dict[str, Any]:
    """Return a batch as the digest of its tokens, labels and pixels."""
    import numpy

    digest = hashlib.blake2b(digest_size=6)
    for sequence in (sequence for group in groups for sequence in group):
        digest.update(json.dumps([sequence.token_ids, sequence.labels]).encode())
        if "pixel_values" in (sequence.mm_inputs or {}):
            digest.update(sequence.mm_inputs["pixel_values"].numpy().tobytes())
    return {"digest": numpy.frombuffer(digest.digest(), "uint8").astype("int64")}


def read(values: dict[str, Any], way: dict[str, Any], *, patched: bool) -> list[str]:
    """Return the digests of the batches after those that are skipped."""
    recipe = TrainRecipe({**values, **{key: value for key, value in way.items() if key not in OWN}})
    dataset = training_dataset(recipe, 1)
    shard = dataset
    if processes := way.get("processes"):
        shard = IterableDatasetShard(dataset, batch_size=SIZE, num_processes=processes, process_index=1)
    loader = DataLoader(
        shard, batch_size=SIZE, collate_fn=collate, num_workers=way["workers"], use_shared_memory=False
    )
    if patched:
        patch.prepare_to_skip(loader, way["skip"])
    batches = list(islice(iter(loader), way["skip"] + KEPT))
    skipped = [batch for batch in batches if "skipped" in batch]
    assert len(skipped) == (way["skip"] if patched else 0), len(skipped)
    return [bytes(batch["digest"].numpy().astype("uint8")).hex() for batch in batches[way["skip"] :]]


OWN = ("skip", "workers", "processes")


def main() -> None:
    """Print the digests of each way, without the patch and with it."""
    values = yaml.safe_load(Path(sys.argv[1]).read_text())
    before = [read(values, way, patched=False) for way in WAYS]
    patch.skip_trained_records_unencoded()
    for way, own in zip(WAYS, before, strict=True):
        row = {"way": way, "own": own, "ours": read(values, way, patched=True)}
        with suppress(BrokenPipeError):
            sys.stdout.write(f"\nREAD {json.dumps(row)}\n")


if __name__ == "__main__":
    main()
