"""`python benchmarks/better_answers.py [--steps N]`: the gain of each way of asking, with a tiny model.

Trains the tiny model on drawn pictures of 64 x 64 pixels: first on questions about everything, then also on
questions about one category, which is absent in some pictures. Then asks about new pictures in every way
that `python -m infer` offers. The pictures `near` are like the training pictures. The pictures `far` are four
times as large with shapes of the same size, so that the model sees each shape with a quarter of its pixels.
Takes about twelve minutes on two cores.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.module_call import call

MAX_PIXELS = 64 * 64
VAL_IMAGES = 128
SPLITS = {"train": "train", "eval": "val"}
SETS = {"near": [], "far": ["images=8", "seed=1", "image_size=128", "cells=16"]}
WAYS = {
    "as trained": [],
    "per_category": ["per_category=true"],
    "zoom=tiles": ["zoom=tiles"],
    "zoom=boxes": ["zoom=boxes"],
    "verify=drop": ["verify=drop"],
    "agree=5": ["agree=5", "temperature=0.7"],
    "per_category, verify=drop": ["per_category=true", "verify=drop"],
    "per_category, zoom=tiles": ["per_category=true", "zoom=tiles"],
}
METRICS = ("AP", "AP50", "f1_50", "precision_50", "recall_50", "mean_iou")


def main() -> None:
    """Make missing data and models, ask in every way, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "better_answers")
    parser.add_argument("--steps", type=int, default=1000, help="steps of each of the two trainings")
    arguments = parser.parse_args()
    folder, steps = arguments.folder.resolve(), arguments.steps
    first, model = (folder / f"{name}_model_{steps}" for name in ("near", "mixed"))
    for name, words in SETS.items():
        source = folder / f"{name}_source"
        call("prepare.shapes", source, f"val_images={VAL_IMAGES}", *words)
        call("prepare", "recipes/prepare/demo.yaml", f"source.path={source}", f"output_dir={folder / name}")
    call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'near_source'}",
         f"output_dir={folder / 'mixed'}", "prompt=[task,category.en1]", "negatives.share=0.3")  # fmt: skip
    call("train.tiny", folder / "base")
    for data, start, output in (("near", folder / "base", first), ("mixed", first, model)):
        files = [f"{split}_dataset_path={folder / data / name}.jsonl" for split, name in SPLITS.items()]
        call("train", "recipes/train/tiny_full.yaml", f"model_name_or_path={start}", *files,
             f"max_pixels={MAX_PIXELS}", f"max_steps={steps}", f"output_dir={output}")  # fmt: skip
    for name in SETS:
        rows = [ask(way, folder / name, model, words) for way, words in WAYS.items()]
        sys.stdout.write(f"{name}\n{table(rows)}\n")


def ask(name: str, folder: Path, model: Path, words: list[str]) -> dict[str, Any]:
    """Ask about a data set's validation images in one way, and return time and scores."""
    output = folder.with_name(f"{folder.name}_eval") / "".join(
        letter if letter.isalnum() else "_" for letter in name
    )
    start = time.perf_counter()
    call("infer", "recipes/infer/demo.yaml", f"checkpoint={model}", f"dataset={folder}",
         f"output_dir={output}", "overwrite=true", "wording=category.en1", *words)  # fmt: skip
    seconds = time.perf_counter() - start
    scores = json.loads((output / "scores.json").read_text(encoding="utf-8"))
    return {"way": name, "seconds": seconds, **{metric: scores[metric] for metric in METRICS}}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the scores of each way as a table; the seconds include the start of the process."""
    lines = [f"{'':26}" + "".join(f"{metric:>14}" for metric in METRICS) + f"{'seconds':>10}"]
    for row in rows:
        shown = "".join(f"{row[metric]:14.3f}" for metric in METRICS)
        lines.append(f"{row['way']:26}{shown}{row['seconds']:10.1f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
