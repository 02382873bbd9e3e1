"""`python benchmarks/better_answers.py [--steps N]`: what each way of asking brings, on a tiny model.

Draws shapes on pictures of 128 pixels, from 16 to 64 pixels large; trains the tiny model on a mixture of
questions for everything and for one category, at no more than 64 x 64 pixels a picture, so that small shapes
are hard; then asks about pictures it has not seen, in every way that `python -m infer` knows. The training
takes about six minutes on two cores.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MAX_PIXELS = 64 * 64
VAL_IMAGES = 128
SPLITS = {"train": "train", "eval": "val"}
WAYS = {
    "as trained": [],
    "per_category": ["per_category=true"],
    "zoom=tiles": ["zoom=tiles"],
    "zoom=boxes": ["zoom=boxes"],
    "verify=drop": ["verify=drop"],
    "agree=5": ["agree=5", "temperature=0.7"],
    "per_category, verify=drop": ["per_category=true", "verify=drop"],
}
METRICS = ("AP", "AP50", "AP_small", "f1_50", "precision_50", "recall_50", "mean_iou")


def main() -> None:
    """Make data and model where they are missing, ask in every way, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "better_answers")
    parser.add_argument("--steps", type=int, default=900)
    arguments = parser.parse_args()
    folder, steps = arguments.folder.resolve(), arguments.steps
    model = folder / f"model_{steps}"
    call("prepare.shapes", folder / "source", "images=4000", f"val_images={VAL_IMAGES}", "image_size=128",
         "cells=16", "min_cells=2", "max_cells=8")  # fmt: skip
    for name, prompt in (("mixed", "[task,category.en1]"), ("task", "task")):
        call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'source'}",
             f"output_dir={folder / name}", f"prompt={prompt}")  # fmt: skip
    call("train.tiny", folder / "base")
    data = [f"{split}_dataset_path={folder / 'mixed' / name}.jsonl" for split, name in SPLITS.items()]
    call("train", "recipes/train/tiny_full.yaml", f"model_name_or_path={folder / 'base'}", *data,
         f"max_pixels={MAX_PIXELS}", f"max_steps={steps}", f"output_dir={model}")  # fmt: skip
    rows = [ask(name, folder, model, words) for name, words in WAYS.items()]
    sys.stdout.write(table(rows))


def call(module: str, *words: object) -> None:
    """Run one of the project's modules; what is done already it leaves alone.

    Raises:
        SystemExit: it failed.
    """
    sys.stderr.write(f"{module} ...\n")
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{module}: failed\n{done.stdout}{done.stderr}")


def ask(name: str, folder: Path, model: Path, words: list[str]) -> dict[str, Any]:
    """Answer and score the validation images in one way."""
    output = folder / "eval" / "".join(letter if letter.isalnum() else "_" for letter in name)
    start = time.perf_counter()
    call("infer", "recipes/infer/demo.yaml", f"checkpoint={model}", f"dataset={folder / 'task'}",
         f"output_dir={output}", "overwrite=true", *words)  # fmt: skip
    seconds = time.perf_counter() - start
    scores = json.loads((output / "scores.json").read_text(encoding="utf-8"))
    return {"way": name, "seconds": seconds, **{metric: scores[metric] for metric in METRICS}}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the scores of every way; seconds include the start of the process."""
    lines = [f"{'':26}" + "".join(f"{metric:>14}" for metric in METRICS) + f"{'seconds':>10}"]
    for row in rows:
        shown = "".join(f"{row[metric]:14.3f}" for metric in METRICS)
        lines.append(f"{row['way']:26}{shown}{row['seconds']:10.1f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
