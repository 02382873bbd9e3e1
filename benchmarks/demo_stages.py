"""`python benchmarks/demo_stages.py [FOLDER]`: what do the stages after supervised training do on the demo?

The demo's model after 500 of its 1200 steps still makes mistakes. From there, one after the other and each
from the same model: mining (`infer.mine`) and tiny_hard.yaml; tiny_grpo.yaml; pairs (`infer.pairs`) and
tiny_dpo.yaml; and more of the same, tiny_hard.yaml's steps without what was mined. The recipes are as they
stand but for the folders and the start. A DPO run is exported, and the export answers.

Prints the scores on the demo's 128 unseen images before and after each stage, with their 95 % intervals, and
the processor seconds to make the data and to train. What is there already is kept: repeat the command. Takes
about 12 minutes of processor time.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.module_call import call, timed_call
from grounding.tables import format_table

METRICS = {"AP50": "AP50", "AP": "AP", "F1": "f1_50"}
EARLY_STEPS = 500
MINED, PAIRED = 1000, 400
"""Training questions that answers are sampled to."""

MORE_OF_THE_SAME = "more of the same"


@dataclass(frozen=True)
class Stage:
    """A stage: its name, and the seconds of a processor to make its data and to train."""

    name: str
    folder: Path
    data_seconds: float
    seconds: float


def main() -> int:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "demo_stages")
    folder: Path = parser.parse_args().folder.resolve()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    early = Stage("start: 500 steps", folder / "early", 0.0, make_start(folder))
    stages = [early, train_on_mined(folder), learn_from_rewards(folder), learn_from_pairs(folder)]
    stages.insert(1, train_on_the_same(folder))
    print(table(stages, [scores_of(stage.folder, folder / "data") for stage in stages]))
    return 0


def make_start(folder: Path) -> float:
    """Draw and prepare the demo's data, and train its model for a while; return the seconds."""
    source, data, base = (folder / name for name in ("source", "data", "base"))
    if not (data / "card.json").is_file():
        call("prepare.shapes", source)
        call("prepare", "recipes/prepare/demo.yaml", f"source.path={source}", f"output_dir={data}")
    call("train.tiny", base)
    return train(folder, "early", "tiny_full", base, data, f"max_steps={EARLY_STEPS}")


def train_on_the_same(folder: Path) -> Stage:
    """Train on with tiny_hard.yaml's steps and rate, on the training data alone."""
    keys = ("max_steps=300", "learning_rate=1.5e-3", "seed=2")
    seconds = train(folder, "same", "tiny_full", folder / "early", folder / "data", *keys)
    return Stage(MORE_OF_THE_SAME, folder / "same", 0.0, seconds)


def train_on_mined(folder: Path) -> Stage:
    """Mine what the start gets wrong, and train on it beside the training data."""
    mined = folder / "mined"
    made = timed_call(mined, "infer.mine", folder / "early", folder / "data", f"limit={MINED}",
                      "hard_from=0.25", "batch_size=32", "max_new_tokens=160",
                      f"output_dir={mined}")  # fmt: skip
    both = f"train_dataset_path={folder / 'data' / 'train.jsonl'},{mined / 'train.jsonl'}"
    seconds = train(folder, "hard", "tiny_hard", folder / "early", folder / "data", both)
    return Stage("tiny_hard.yaml", folder / "hard", made, seconds)


def learn_from_rewards(folder: Path) -> Stage:
    """Let the start learn from its own answers."""
    seconds = train(folder, "grpo", "tiny_grpo", folder / "early", folder / "data")
    return Stage("tiny_grpo.yaml", folder / "grpo", 0.0, seconds)


def learn_from_pairs(folder: Path) -> Stage:
    """Make pairs of the start's answers, learn from them, and export the model."""
    pairs, run = folder / "pairs", folder / "dpo"
    made = timed_call(pairs, "infer.pairs", folder / "early", folder / "data", f"limit={PAIRED}",
                      "batch_size=32", "max_new_tokens=128", f"output_dir={pairs}")  # fmt: skip
    seconds = train(folder, "dpo", "tiny_dpo", folder / "early", pairs)
    if not (run / "export" / "config.json").is_file():
        call("train.export", "recipes/train/tiny_dpo.yaml", f"output_dir={run}")
    return Stage("tiny_dpo.yaml", run / "export", made, seconds)


def train(folder: Path, name: str, recipe: str, start: Path, data: Path, *keys: str) -> float:
    """Train by a recipe, with its folders replaced, and return the seconds."""
    output = folder / name
    return timed_call(
        output, "train", f"recipes/train/{recipe}.yaml", f"model_name_or_path={start}",
        f"train_dataset_path={data / 'train.jsonl'}", f"eval_dataset_path={data / 'val.jsonl'}",
        f"output_dir={output}", f"logging_dir={output / 'visualdl'}", *keys)  # fmt: skip


def scores_of(model: Path, data: Path) -> dict[str, Any]:
    """Ask a model about the unseen images, and return its scores.json."""
    answers = model / "answers"
    call("infer", "recipes/infer/demo.yaml", f"checkpoint={model}", f"dataset={data}",
         f"output_dir={answers}")  # fmt: skip
    return dict(json.loads((answers / "scores.json").read_text(encoding="utf-8")))


def table(stages: Sequence[Stage], scores: Sequence[dict[str, Any]]) -> str:
    """Return a row for each stage: its scores with their intervals, and its seconds."""
    rows = [
        [
            stage.name,
            *(shown(own[key], own["intervals"].get(key)) for key in METRICS.values()),
            f"{stage.data_seconds:.0f}",
            f"{stage.seconds:.0f}",
        ]
        for stage, own in zip(stages, scores, strict=True)
    ]
    return format_table(
        ["model", *(f"{name}, %" for name in METRICS), "data, processor s", "training, processor s"], rows
    )


def shown(value: float, ends: Sequence[float] | None) -> str:
    """Return a score in percent, with its interval."""
    interval = f" ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})" if ends else ""
    return f"{100 * value:.1f}{interval}"


if __name__ == "__main__":
    sys.exit(main())
