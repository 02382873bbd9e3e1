"""`python benchmarks/cache.py PHOTOGRAPHS.parquet [--limit N]`: what a cache of records saves, and costs.

PHOTOGRAPHS is a file of the Hugging Face data set detection-datasets/coco, or any with `image` and `objects`.
Drawn shapes come from `python -m prepare.shapes`. For both, with and without the cache:

- the data pipeline alone: PaddleFormers' data set and collator, record after record in one process with one
  thread, in processor seconds (the quickest of three passes), at the pixel limit of the recipe of
  Qwen3-VL-8B (photographs) and of the demo (shapes). The collator asks the positions of
  the plain model. All batches have to be equal bit by bit.
- size on the disk, and processor time to make the cache in one process.
- the first step of a training of the tiny model with `python -m train`: from the start of the command to the
  log's line of the first step, in seconds on the clock and of the processor.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

os.environ["OMP_NUM_THREADS"] = "1"  # waiting threads would count as processor time
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.first_step import PLUGIN_FILE, start_run
from train.cache.cache_making import make_cache
from train.cached.cached_datasets import reading_from_cache
from train.cached.cached_positions import with_cached_positions
from train.preflight.encode import quiet_encoding
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe

RECIPE = ROOT / "recipes" / "train" / "tiny_full.yaml"
PHOTOGRAPH_PIXELS = 1048576
PASSES = 3
FIRST_STEP_PIXELS = 65536
"""The tiny model attends to all pixels at once."""


@dataclass(frozen=True)
class Pipeline:
    """A pass over a data set: records, processor seconds of each, and a digest of all batches."""

    records: int
    seconds: float
    digest: str


def main() -> None:
    """Measure photographs, then shapes, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--limit", type=int, default=80, help="photographs, and shapes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_module("train.tiny", str(folder / "base"))
        sets = {
            "photographs": (
                write_photographs(folder, arguments.photographs, arguments.limit),
                PHOTOGRAPH_PIXELS,
            ),
            "shapes": (write_shapes(folder, arguments.limit), FIRST_STEP_PIXELS),
        }
        rows, starts = [], []
        for what, (data, pixels) in sets.items():
            rows += measure_pipeline(folder, what, data, pixels)
            starts += measure_starts(folder, what, data)
    sys.stdout.write("| records | pixels at most | pipeline | processor time a record | records a second |\n")
    sys.stdout.write("|---|---|---|---|---|\n" + "".join(rows))
    sys.stdout.write("\n| first step | on the clock | processor time |\n|---|---|---|\n" + "".join(starts))


def measure_pipeline(folder: Path, what: str, data: Path, pixels: int) -> list[str]:
    """Return the lines of a table about reading the records of a data set, with and without a cache."""
    values = recipe_values(folder, data, what) | {"max_pixels": pixels}
    path = folder / f"{what}.yaml"
    path.write_text(yaml.safe_dump(values))
    without = quickest(values, lambda collate: collate)
    began = time.process_time()
    make_cache(path, [f"grounding_cache={folder / what}", "processes=1"])
    made = time.process_time() - began
    with reading_from_cache(str(folder / what)):
        cached = quickest(values, with_cached_positions)
    if without.digest != cached.digest:
        sys.exit(f"{what}: the batches differ")
    source = sum(file.stat().st_size for file in (data.parent / "images").iterdir())
    stored = sum(file.stat().st_size for file in (folder / what).rglob("*") if file.is_file())
    sys.stdout.write(
        f"{what}: all batches are equal; {without.records} records, {source / 1e6:.2f} MB of images; the "
        f"cache has {stored / 1e6:.2f} MB ({stored / source:.1f} times), and takes "
        f"{made / without.records * 1e3:.0f} ms of processor time a record to make\n"
    )
    return [
        f"| {what} | {pixels:,} | {name} | {1e3 * each.seconds:.1f} ms | {1 / each.seconds:,.0f} |\n"
        for name, each in (("encoding", without), ("from the cache", cached))
    ]


def measure_starts(folder: Path, what: str, data: Path) -> list[str]:
    """Return the lines of a table about the first step of a training, with and without a cache."""
    changes = {"max_steps": -1, "num_train_epochs": 1, "max_seq_len": 4096, "per_device_train_batch_size": 4}
    values = (
        recipe_values(folder, data, what) | changes | {"max_pixels": FIRST_STEP_PIXELS, "logging_steps": 1}
    )
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    cache = folder / f"{what}_start"
    make_cache(path, [f"grounding_cache={cache}", "processes=1"])
    encoding = start_run(what, path, PLUGIN_FILE)
    path.write_text(yaml.safe_dump(values | {"grounding_cache": str(cache)}))
    cached = start_run(what, path, PLUGIN_FILE)
    if encoding.steps != cached.steps:
        sys.exit(f"{what}: the numbers of steps differ")
    return [
        f"| {what}, {name} | {start.first_step:.1f} s | {start.processor_seconds:.1f} s |\n"
        for name, start in (("encoding", encoding), ("from the cache", cached))
    ]


def recipe_values(folder: Path, data: Path, what: str) -> dict[str, Any]:
    """Return the values of the tiny recipe for a file of records."""
    values: dict[str, Any] = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    return values | {
        "model_name_or_path": str(folder / "base"),
        "train_dataset_path": str(data),
        "eval_dataset_path": str(data),
        "output_dir": str(folder / "run"),
        "logging_dir": str(folder / "run" / "visualdl"),
        "max_seq_len": 65536,
        "do_eval": False,
        "evaluation_strategy": "no",
        "grounding_eval_samples": 0,
        "run_name": what,
    }


def quickest(values: dict[str, Any], wrap: Callable[[Any], Any]) -> Pipeline:
    """Read an epoch PASSES times: other work on the machine makes some of them slower."""
    passes = [read_all(values, wrap) for _ in range(PASSES)]
    if len({each.digest for each in passes}) > 1:
        sys.exit("the passes differ")
    return min(passes, key=lambda each: each.seconds)


def read_all(values: dict[str, Any], wrap: Callable[[Any], Any]) -> Pipeline:
    """Read an epoch of a data set through the collator, one record a batch."""
    with quiet_encoding():
        from paddleformers.datasets.collate import mm_collate_fn
        from paddleformers.transformers import AutoConfig
        from paddleformers.transformers.qwen3_vl.modeling import Qwen3VLModelDeprecated

        dataset = training_dataset(TrainRecipe(values), 1)
        config = AutoConfig.from_pretrained(values["model_name_or_path"])
        rope = partial(Qwen3VLModelDeprecated.get_rope_index, SimpleNamespace(config=config))
        collate = partial(
            wrap(mm_collate_fn),
            template=None,
            processor=dataset.processor,
            tokenizer=dataset.tokenizer,
            training_args=SimpleNamespace(
                num_nextn_predict_layers=0, context_parallel_size=1, sequence_parallel=False, fp8=None
            ),
            model_args=SimpleNamespace(use_attn_mask_startend_row_indices=True, use_global_causal_attn=False),
            max_seq_len=None,
            padding_free=False,
            model=SimpleNamespace(get_rope_index=rope),
        )
        count, digest, seconds = len(dataset), hashlib.blake2b(digest_size=8), 0.0
        groups = iter(dataset)
        for _ in range(count):
            began = time.process_time()
            batch = collate(list(islice(groups, 1)))
            seconds += time.process_time() - began
            for name, value in sorted(batch.items()):
                digest.update(f"{name} {value.dtype} {value.shape}".encode() + value.numpy().tobytes())
    return Pipeline(count, seconds / count, digest.hexdigest())


def write_photographs(folder: Path, parquet: Path, limit: int) -> Path:
    """Write photographs as they are in the file, with a record of their boxes each."""
    import pyarrow.parquet as pq

    images = folder / "photographs_data" / "images"
    images.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for batch in pq.ParquetFile(parquet).iter_batches(16):
        for row in batch.to_pylist()[: limit - len(rows)]:
            name = f"{len(rows)}.jpg"
            (images / name).write_bytes(row["image"]["bytes"])
            count = len(row["objects"]["bbox"])
            answer = ", ".join(["<ref-object><bbox>"] * count) or "nothing"
            messages = [
                {"role": "user", "content": "<image>Task: Object Detection"},
                {"role": "assistant", "content": answer},
            ]
            boxes = [[1, 2, 3 + number % 900, 900] for number in range(count)]
            rows.append(
                {
                    "messages": messages,
                    "images": [f"images/{name}"],
                    "objects": {"ref": ["thing"] * count, "bbox": boxes},
                }
            )
    file = images.parent / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def write_shapes(folder: Path, limit: int) -> Path:
    """Draw and prepare shapes as the demo does."""
    run_module("prepare.shapes", str(folder / "drawn"), f"images={limit}", "val_images=2")
    words = [f"source.path={folder / 'drawn'}", f"output_dir={folder / 'shapes_data'}"]
    run_module("prepare", str(ROOT / "recipes" / "prepare" / "demo.yaml"), *words)
    return folder / "shapes_data" / "train.jsonl"


def run_module(module: str, *words: str) -> None:
    """Run a command of the project; its output is shown if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)


if __name__ == "__main__":
    main()
