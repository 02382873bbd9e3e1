"""Batches with and without a cache: `python cached_batches.py RECIPE FOLDER`, for each way a line of JSON.

The collator is the run's own. Each batch becomes a digest of its arrays, their names, types and shapes.
"""

import hashlib
import json
import sys
from contextlib import suppress
from functools import cache, partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import yaml
from paddle.io import DataLoader
from paddleformers.datasets.collate import mm_collate_fn
from paddleformers.datasets.template.mm_plugin import MMPluginMixin
from paddleformers.trainer.trainer_utils import IterableDatasetShard
from paddleformers.transformers import AutoConfig
from paddleformers.transformers.qwen3_vl.modeling import Qwen3VLModelDeprecated

from train.cache.cache_making import make_cache
from train.cached.cached_datasets import read_from_cache
from train.cached.cached_positions import with_cached_positions
from train.inside.patches.paddleformers_1_2.always import skip_trained_records_unencoded as skipping
from train.preflight import run_data
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe

SIZE = 2
PACKED = {"packing": True, "max_seq_len": 400}
BOTH = {"train_dataset_type": "messages,messages", "train_dataset_prob": "0.7,0.3"}
WAYS: list[dict[str, Any]] = [
    {},
    {"batches": 45, "seed": 7, "workers": 2},
    {"max_seq_len": 110},
    {"random_shuffle": False},
    {"processor_use_fast": False},
    {"truncation_strategy": "left", "max_seq_len": 120},
    PACKED,
    {"binpacking": False, **PACKED},
    {"binpacking": False, "greedy_intokens": False, **PACKED},
    {"mix_strategy": "interleave_over", **BOTH},
    {"mix_strategy": "interleave_under", **BOTH, **PACKED},
    {"mix_strategy": "random", "num_samples_each_epoch": 30, **BOTH},
    {"parts": 2, "part": 1},
    {"parts": 2, "part": 0, **PACKED},
    {"skip": 5},
    {"skip": 3, "parts": 2, "part": 1, **PACKED},
    {"is_valid": True},
    {"dataset_type": "map", **PACKED},
    {"tensor_model_parallel_size": 2, "sequence_parallel": True},
]
OWN = ("batches", "workers", "parts", "part", "skip", "is_valid")


def digest(batch: dict[str, Any]) -> dict[str, Any]:
    """Return a batch as the digest of its arrays."""
    found = hashlib.blake2b(digest_size=8)
    for name, value in sorted(batch.items()):
        array = value.numpy()
        found.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return {"digest": np.frombuffer(found.digest(), "uint8").astype("int64")}


def build(values: dict[str, Any], way: dict[str, Any]) -> Any:
    """Return the data set of a way; training_dataset knows no evaluation and no index."""
    from paddleformers.datasets import loader

    make = loader.create_dataset
    more = {"is_valid": way.get("is_valid", False)}
    if kind := way.get("dataset_type"):
        more["dataset_type"] = kind
    loader.create_dataset = lambda **config: make(**{**config, **more})
    try:
        return training_dataset(TrainRecipe(values), int(values.get("num_samples_each_epoch", 1)))
    finally:
        loader.create_dataset = make


def read(values: dict[str, Any], way: dict[str, Any], collate: Any) -> list[str]:
    """Return the digests of a way's batches."""
    values = {**values, **{key: value for key, value in way.items() if key not in OWN}}
    dataset = build(values, way)
    arguments = SimpleNamespace(
        num_nextn_predict_layers=0, fp8=None, context_parallel_size=1,
        tensor_model_parallel_size=values.get("tensor_model_parallel_size", 1),
        sequence_parallel=values.get("sequence_parallel", False),
    )  # fmt: skip
    of_model = SimpleNamespace(use_attn_mask_startend_row_indices=False, use_global_causal_attn=False)
    config = AutoConfig.from_pretrained(values["model_name_or_path"])
    rope = partial(Qwen3VLModelDeprecated.get_rope_index, SimpleNamespace(config=config))
    model = SimpleNamespace(model=SimpleNamespace(get_rope_index=rope))

    def collated(batch: Any) -> dict[str, Any]:
        made = collate(
            batch, template=None, processor=dataset.processor, tokenizer=dataset.tokenizer, model=model,
            training_args=arguments, model_args=of_model, padding_free=False,
            max_seq_len=values["max_seq_len"] if values["packing"] else None,
        )  # fmt: skip
        return digest(made)

    shard = dataset
    if parts := way.get("parts"):
        shard = IterableDatasetShard(dataset, batch_size=SIZE, num_processes=parts, process_index=way["part"])
    loader = DataLoader(
        shard, batch_size=SIZE, collate_fn=collated, use_shared_memory=False,
        num_workers=way.get("workers", 0),
    )  # fmt: skip
    skip = way.get("skip", 0)
    skipping.prepare_to_skip(loader, skip)
    batches = first_batches(loader, way.get("batches", skip + 8))
    assert ["skipped" in batch for batch in batches[:skip]] == [True] * skip, batches[:skip]
    return [bytes(batch["digest"].numpy().astype("uint8")).hex() for batch in batches[skip:]]


def first_batches(loader: DataLoader, count: int) -> list[Any]:
    """Read batches, and wait for the loader's thread, which shares the template with the next way."""
    reader = iter(loader)
    batches = list(islice(reader, count))
    thread = getattr(reader, "_thread", None)
    if thread is not None and not loader.num_workers:
        # Paddle looks once a second whether the thread has ended.
        reader._thread_done_event.set()
        reader._blocking_queue.close()
        thread.join()
    reader._try_shutdown_all()
    if thread is not None:
        thread.join()
    return batches


def refuse_images(plugin: Any, image: str) -> Any:
    """Stand in for the reader of image files, which a cache must not need."""
    raise AssertionError(f"{image} was decoded")


def main() -> None:
    """Print the digests of each way, without the cache and with it."""
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    run_data.load_tokenizer, run_data.load_processor = (
        cache(run_data.load_tokenizer),
        cache(run_data.load_processor),
    )
    values = yaml.safe_load(path.read_text())
    one, two = values.pop("both")
    values["train_dataset_path"] = str(one)
    skipping.skip_trained_records_unencoded()
    paths = {"train_dataset_path": f"{one},{two}#15"}
    ways = [(way, {**values, **(paths if "train_dataset_prob" in way else {})}) for way in WAYS]
    without = [read(given, way, mm_collate_fn) for way, given in ways]
    for words in ((), ("processor_use_fast=false",), ("truncation_strategy=left", "max_seq_len=120")):
        path.write_text(yaml.safe_dump({**values, **BOTH, "train_dataset_path": f"{one},{two}"}))
        sys.stdout.write(make_cache(path, [f"grounding_cache={folder}", "processes=1", *words]) + "\n")
    read_from_cache(folder)
    MMPluginMixin._img_download = refuse_images
    for (way, given), expected in zip(ways, without, strict=True):
        found = read(given, way, with_cached_positions(mm_collate_fn))
        with suppress(BrokenPipeError):
            sys.stdout.write(f"\nREAD {json.dumps({'way': way, 'without': expected, 'with': found})}\n")


if __name__ == "__main__":
    main()
