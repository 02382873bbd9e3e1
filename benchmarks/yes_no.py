"""`python benchmarks/yes_no.py [FOLDER]`: is p(yes) a better score of a box than its token probabilities?

Trains the tiny model on drawn pictures of 64 x 64 pixels to a middling state, for each seed four times: without
yes/no records, and with them for each way of showing the box; the latter takes more steps, so that all see
the same number of questions about objects. Asks about new pictures, then about every box that was found, and
prints how well each score tells right boxes from wrong ones (AUROC, at IoU 0.5), the AP that it gives to the
same boxes, and what it costs. Takes about forty minutes on two cores; what is there already is not made again.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_PIXELS = 64 * 64
SHARE = 0.4
WITHOUT = "without"
MODELS = (WITHOUT, "outline", "spotlight", "text")


def main() -> None:
    """Make missing data and models, ask, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "yes_no")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500, help="steps without yes/no records (500)")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for seed in range(arguments.seeds):
        for name in MODELS:
            train(folder / f"seed_{seed}", name, seed, arguments.steps)


def train(folder: Path, name: str, seed: int, steps: int) -> Path:
    """Make the data set and the model of one kind, and return the model's folder."""
    asks = name != WITHOUT
    call("prepare.shapes", folder / "source", "images=6000", "val_images=256", f"seed={seed}")
    call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'source'}",
         f"output_dir={folder / name}", *([f"yes_no.share={SHARE}", f"yes_no.show={name}"] if asks else []))  # fmt: skip
    call("train.tiny", folder / "base", f"seed={seed}")
    output, count = folder / f"{name}_model_{steps}", round(steps / (1 - SHARE)) if asks else steps
    files = [f"{split}_dataset_path={folder / name / file}.jsonl" for split, file in
             {"train": "train", "eval": "val"}.items()]  # fmt: skip
    call("train", "recipes/train/tiny_full.yaml", f"model_name_or_path={folder / 'base'}", *files,
         f"max_pixels={MAX_PIXELS}", f"max_steps={count}", f"seed={seed + 1}", f"output_dir={output}",
         f"logging_dir={output}/visualdl", "grounding_eval_samples=0", "evaluation_strategy=no",
         "do_eval=false", "save_steps=100000")  # fmt: skip
    return output


def call(module: str, *words: object) -> None:
    """Run one of the project's modules; it skips what is already done.

    Raises:
        SystemExit: the module failed.
    """
    sys.stderr.write(f"{module} ...\n")
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{module}: failed\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
