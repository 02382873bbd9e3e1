"""`python benchmarks/coordinates.py [FOLDER]`: do distance-aware coordinates make boxes sharper?

The demo's model (`make demo`) knows shapes whose boxes snap to a grid of 8 cells. It is trained for some
steps on pictures with boxes that begin and end at any pixel, by the cross entropy. From there, each seed
trains two models for the same number of steps on such pictures of its own: one by the cross entropy alone,
one with grounding_coordinate_loss. Both are asked about pictures that no model was trained on, and are scored
by F1 averaged over the IoUs 0.75, 0.80, ... 0.95, by AP50 and by the mean IoU.

Prints a table: means over the seeds with the lowest and the highest, the mean of the seeds' differences with
its 95 % interval (Student's t), and processor seconds. Exit code 1 if the mean F1 does not rise by 0.03 with
an interval above 0, or AP50 falls. What is there already is kept: repeat the command.
"""

import argparse
import json
import math
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.module_call import call, timed_call
from grounding.files import write_json
from grounding.matching import AT_75, AT_95, match_detections
from grounding.tables import format_table

DRAWN = ("val_images=400", "cells=64", "min_cells=12", "max_cells=36")
BEFORE_IMAGES, IMAGES = 12_000, 4000
"""Training pictures of the model that all arms begin with, whose seed is 0, and of each seed."""

DEMO = ROOT / "checkpoints" / "demo" / "full"
STRICT_F1, AP50, OVERLAP = COLUMNS = ("F1 at IoU 0.75 to 0.95", "AP50", "mean IoU")
PLAIN, DISTANCE = ARMS = ("cross entropy", "with distance")
LEAST_GAIN = 0.03


@dataclass(frozen=True)
class Plan:
    """Steps before, steps of each arm, their learning rate, and the settings of the loss."""

    pretraining: int
    steps: int
    rate: float
    weight: float
    tau: float


@dataclass(frozen=True)
class Outcome:
    """What an arm of a seed has cost in processor seconds, and the table's columns."""

    seed: int
    arm: str
    seconds: float
    values: dict[str, float]


def main() -> int:
    """Train what is missing, measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "coordinates")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--demo", type=Path, default=DEMO, help="the demo's model (checkpoints/demo/full)")
    parser.add_argument("--pretraining", type=int, default=400, help="steps before the arms begin (400)")
    parser.add_argument("--steps", type=int, default=200, help="steps of each arm (200)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="learning rate of each arm (1.5e-3)")
    parser.add_argument("--weight", type=float, default=0.1, help="grounding_coordinate_loss (0.1)")
    parser.add_argument("--tau", type=float, default=50.0, help="grounding_coordinate_tau (50)")
    parser.add_argument("--jobs", type=int, default=2, help="seeds at a time, a core each (2)")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    folder = given.folder.resolve()
    plan = Plan(given.pretraining, given.steps, given.rate, given.weight, given.tau)
    pretrain(folder, plan, given.demo.resolve())
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        rows = [row for rows in pool.map(partial(run_seed, folder, plan), given.seeds) for row in rows]
    spent = sum(row.seconds for row in rows)
    sys.stdout.write(f"{table(rows, plan)}\nprocessor seconds of all trainings: {spent:.0f}\n")
    missed = list(missed_goals(rows))
    sys.stdout.write("\n".join(missed or ["every goal is reached"]) + "\n")
    return int(bool(missed))


def pretrain(folder: Path, plan: Plan, demo: Path) -> None:
    """Train the model that all arms begin with, where it is missing."""
    model = folder / f"start_{plan.pretraining}"
    if any(model.glob("model*.safetensors")):
        return
    data = draw(folder / "before", BEFORE_IMAGES, 0)
    train(model, demo, data, f"max_steps={plan.pretraining}", f"learning_rate={plan.rate:.6f}", "seed=1")


def draw(folder: Path, images: int, seed: int) -> Path:
    """Draw and prepare pictures where they are missing, and return the data set's folder."""
    data = folder / "data"
    if not (data / "card.json").is_file():
        call("prepare.shapes", folder / "source", *DRAWN, f"images={images}", f"seed={seed}")
        call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'source'}",
             f"output_dir={data}", f"seed={seed}")  # fmt: skip
    return data


def run_seed(folder: Path, plan: Plan, seed: int) -> list[Outcome]:
    """Draw the pictures of a seed, train both arms on them, and measure them."""
    start = folder / f"start_{plan.pretraining}"
    folder /= f"seed_{seed}"
    data = draw(folder, IMAGES, seed)
    shared = (f"max_steps={plan.steps}", f"learning_rate={plan.rate:.6f}", f"seed={seed + 1}")
    spread = (f"grounding_coordinate_loss={plan.weight}", f"grounding_coordinate_tau={plan.tau}")
    name = f"{plan.steps}_{plan.rate:g}"
    outcomes = []
    for arm, keys in ((PLAIN, ()), (DISTANCE, spread)):
        model = folder / "_".join(["distance", name, f"{plan.weight:g}", f"{plan.tau:g}"] if keys else [name])
        seconds = train(model, start, data, *shared, *keys)
        outcomes.append(Outcome(seed, arm, seconds, measure(model, data)))
    return outcomes


def train(model: Path, start: Path, data: Path, *keys: str) -> float:
    """Train on a data set, and return the processor seconds; a finished training is kept."""
    return timed_call(
        model, "train", "recipes/train/tiny_full.yaml", f"model_name_or_path={start}",
        f"train_dataset_path={data / 'train.jsonl'}", f"eval_dataset_path={data / 'val.jsonl'}",
        f"output_dir={model}", f"logging_dir={model / 'visualdl'}", "grounding_eval_samples=0",
        "evaluation_strategy=no", "do_eval=false", "save_steps=100000", *keys)  # fmt: skip


def measure(model: Path, data: Path) -> dict[str, float]:
    """Ask a model about the validation pictures, and return the table's columns."""
    path = model / "measured.json"
    if not path.is_file():
        answers = model / "answers"
        call("infer", "recipes/infer/demo.yaml", f"checkpoint={model}", f"dataset={data}",
             f"output_dir={answers}", "batch_size=64", "max_new_tokens=96")  # fmt: skip
        write_json(path, columns_of(answers, data))
    return dict(json.loads(path.read_text(encoding="utf-8")))


def columns_of(answers: Path, data: Path) -> dict[str, float]:
    """Return the table's columns of some answers."""
    from infer.scoring.inputs import read_evaluation
    from infer.scoring.scorecard import score

    evaluation = read_evaluation(answers / "predictions.jsonl", data)
    matches = [
        match_detections(row.detections, evaluation.objects.get(row.image_id, ()))
        for row in evaluation.predictions
    ]
    strict = [strict_f1([each.count(position) for each in matches]) for position in range(AT_75, AT_95 + 1)]
    objects = sum(len(each.object_labels) for each in matches)
    found = sum(sum(each.ious) for each in matches) / objects
    ap50 = score(evaluation, draws=0).values["AP50"]
    return dict(zip(COLUMNS, (statistics.fmean(strict), float(ap50 or 0.0), found), strict=True))


def strict_f1(counts: Sequence[tuple[int, int, int]]) -> float:
    """Return the F1 of all images together from the right, wrong and missed boxes of each."""
    right, wrong, missed = map(sum, zip(*counts, strict=True))
    return 2 * right / max(1, 2 * right + wrong + missed)


def differences(rows: Sequence[Outcome], column: str) -> list[float]:
    """Return what the loss adds to a column, for each seed."""
    values = {(row.seed, row.arm): row.values[column] for row in rows}
    return [values[seed, DISTANCE] - values[seed, PLAIN] for seed in dict.fromkeys(row.seed for row in rows)]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by Student's t; infinite for a single value."""
    from scipy.stats import t

    if len(values) < 2:
        return -math.inf, math.inf
    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values) - half, statistics.fmean(values) + half


def table(rows: Sequence[Outcome], plan: Plan) -> str:
    """Return the means of the arms with the lowest and the highest, and the mean differences."""
    lines = []
    for arm in ARMS:
        own = [row for row in rows if row.arm == arm]
        seconds = statistics.fmean(row.seconds for row in own)
        cells = [shown([row.values[column] for row in own]) for column in COLUMNS]
        lines.append([arm, f"{seconds:.0f}", *cells])
    cells = []
    for column in COLUMNS:
        found = differences(rows, column)
        low, high = interval(found)
        cells.append(f"{statistics.fmean(found):+.4f} [{low:+.4f}, {high:+.4f}]")
    lines.append(["difference", "", *cells])
    seeds = len({row.seed for row in rows})
    head = f"{seeds} seeds, {plan.steps} steps, weight {plan.weight:g}, tau {plan.tau:g}"
    return format_table([head, "processor s", *COLUMNS], lines)


def shown(values: Sequence[float]) -> str:
    """Return the mean, and the range in brackets."""
    return f"{statistics.fmean(values):.4f} ({min(values):.4f}..{max(values):.4f})"


def missed_goals(rows: Sequence[Outcome]) -> Iterator[str]:
    """Yield each goal that the loss misses."""
    gains = differences(rows, STRICT_F1)
    if statistics.fmean(gains) < LEAST_GAIN or interval(gains)[0] <= 0:
        yield f"not reached: {STRICT_F1} up by {LEAST_GAIN}, its interval above 0"
    if statistics.fmean(differences(rows, AP50)) < 0:
        yield f"not reached: {AP50} not down"


if __name__ == "__main__":
    sys.exit(main())
