"""What the meter of grounding_keep costs: `python benchmarks/keep_cost.py MODEL DATASET WORK_DIR`.

MODEL is a tiny model's folder and DATASET a prepared data set. Two runs of four steps, with and without the
meter, evaluate at their start, after two steps and at their end: 32 questions of the data set, and 32 general
prompts, made of its validation records (their true answers stand for the base's). The difference in seconds
of a processor, divided by the three evaluations, is what one of them costs; the base's answers, which are
made once, are in it. WORK_DIR keeps what is done: repeat the command.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from module_call import ROOT, timed_call

sys.path.insert(0, str(ROOT))
from grounding.files import read_jsonl, write_jsonl
from grounding.keep.keep_record import read_keep

QUESTIONS, STEPS, EVALUATIONS = 32, 4, 3


def general_prompts(dataset: Path, file: Path) -> Path:
    """Write the first validation records without pictures, as prepare.replay writes general prompts."""
    rows: list[dict[str, Any]] = []
    for _, row in read_jsonl(dataset / "val.jsonl"):
        messages = [{**one, "content": one["content"].replace("<image>", "")} for one in row["messages"]]
        rows.append({**row, "messages": messages, "images": []})
        if len(rows) == QUESTIONS:
            break
    write_jsonl(file, rows)
    return file


def train(model: Path, dataset: Path, folder: Path, keep: list[dict[str, Any]]) -> float:
    """Train a few steps, and return the seconds of a processor that it took."""
    values = {
        "model_name_or_path": model,
        "train_dataset_path": dataset / "train.jsonl",
        "eval_dataset_path": dataset / "val.jsonl",
        "output_dir": folder,
        "max_steps": STEPS,
        "eval_steps": STEPS // 2,
        "save_steps": STEPS,
        "grounding_eval_samples": 0,
        "check_samples": 0,
    }
    words = [f"{name}={value}" for name, value in values.items()]
    words += [f"grounding_keep={json.dumps(keep)}"] if keep else []
    return timed_call(folder, "train", "recipes/train/tiny_full.yaml", *words)


def main() -> None:
    """Train both runs, and print the cost of an evaluation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("model", "dataset", "work_dir"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    file = general_prompts(given.dataset, given.work_dir / "general.jsonl")
    keep = [{"path": str(path), "samples": QUESTIONS} for path in (given.dataset, file)]
    with_meter = train(given.model, given.dataset, given.work_dir / "with", keep)
    without = train(given.model, given.dataset, given.work_dir / "without", [])
    record = read_keep(given.work_dir / "with")
    assert record is not None
    assert len(record.points) == EVALUATIONS
    size = (given.work_dir / "with" / "keep" / "base" / "distributions.f16").stat().st_size
    print(f"with the meter {with_meter:.1f} s of a processor, without {without:.1f} s:")
    each = (with_meter - without) / EVALUATIONS
    print(f"{each:.1f} s an evaluation of {QUESTIONS} questions and {QUESTIONS} general prompts")
    first, last = (record.points[place].divergence for place in (0, -1))
    print(f"KL at the start {first:.1e}, at step {STEPS} {last:.4f}")
    print(f"the base's distributions take {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
