"""`python benchmarks/reinforce.py [FOLDER]`: does reinforcement learning remove a model's bad habits?

The demo's tiny model is trained on answers with habits (benchmarks/habits.py): 20 % of the boxes are left
out, 15 % named twice, and 10 % of the questions about something absent get a box. Then it goes on, with
steps that cost about the same processor time in each arm (the table has the seconds): GRPO rewards its own
answers by the clean truth; more training on the same answers; rejection sampling and DPO on answers that it
samples once, judged by the same truth; training on clean answers (the upper line); and GRPO with a reward
that has a hole (benchmarks/bad_reward.py). GRPO runs once more for half as long again. All are measured on
256 pictures that no model was trained on, and on pictures of another kind: larger shapes, more of them,
another ground. Answers are greedy, and not stopped at repeats: stopping hides copies.

Prints a table for both kinds of pictures, means over the seeds with the lowest and the highest, and the time
of an update. Exit code 1 where GRPO misses a goal. What is there already is kept: repeat the command.
A seed takes about half an hour of a processor.
"""

import argparse
import json
import os
import re
import resource
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.habits import World, prepare_world, write_habits
from benchmarks.module_call import call
from grounding.files import write_json
from grounding.tables import format_table

CLEAN = World("clean", {"images": 8000, "val_images": 256})
OTHER = World(
    "other",
    {"images": 256, "val_images": 256, "max_cells": 5, "max_objects": 3, "seed": 1},
    (150, 170, 190),
)
HABITS, MORE, SAMPLED, DPO, GRPO, LONGER, UPPER, BAD = (
    "habits", "more of the same", "rejection sampling", "DPO", "GRPO", "GRPO, longer", "SFT on clean answers",
    "GRPO, bad reward")  # fmt: skip
COLUMNS = ("F1", "copies %", "doubled %", "boxes an object", "false boxes on negatives %", "AP")
"""Copies have an IoU of 0.9 with an earlier box of their label, doubled boxes one of 0.5."""
MAX_PIXELS, MOST_TOKENS, PROMPTS = 64 * 64, 96, 4
SAMPLE_SHARE = 0.4
"""The share of its time that an arm samples which samples once."""

PRETRAINING_RATE, RATE, DPO_RATE = 3e-3, 1e-3, 2e-4
DPO_COST = 4.0
"""A step of DPO costs so many of supervised training: two answers, and the frozen start."""

LEAST_GAIN, MOST_COPIES, BOXES, MOST_FALSE = 0.10, 1.0, (0.97, 1.03), 2.0


@dataclass(frozen=True)
class Scale:
    """How long is trained: steps of 8 records, and updates of 4 questions with 8 answers each.

    `steps` are those of the arms that are supervised; they take about the time of the updates.
    """

    pretraining: int
    habits: int
    updates: int
    longer: int
    steps: int
    rate: float


@dataclass(frozen=True)
class Measured:
    """What an arm has cost in seconds of a processor, and what its model does on a kind of pictures."""

    seed: int
    arm: str
    pictures: str
    seconds: float
    values: dict[str, float]


def main() -> int:
    """Train what is missing, measure, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "reinforce")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--pretraining", type=int, default=1000, help="steps of the demo's training (1000)")
    parser.add_argument("--habits", type=int, default=1000, help="steps on answers with habits (1000)")
    parser.add_argument("--updates", type=int, default=200, help="of GRPO (200)")
    parser.add_argument(
        "--longer", type=int, default=300, help="of GRPO, by which its goals are judged (300)"
    )
    parser.add_argument("--steps", type=int, default=1000, help="of the arms that are supervised (1000)")
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate of GRPO (2e-4)")
    parser.add_argument("--jobs", type=int, default=2, help="seeds at a time, a core each (2)")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    folder = given.folder.resolve()
    scale = Scale(given.pretraining, given.habits, given.updates, given.longer, given.steps, given.rate)
    pretrain(folder, scale)
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        measured = [row for rows in pool.map(partial(run_seed, folder, scale), given.seeds) for row in rows]
    for pictures in (CLEAN.name, OTHER.name):
        print(f"{table([row for row in measured if row.pictures == pictures], pictures)}\n")
    print(update_times([folder / f"seed_{seed}" for seed in given.seeds]))
    missed = list(missed_goals(measured))
    print("\n".join(missed or ["every goal is reached"]))
    return int(bool(missed))


def pretrain(folder: Path, scale: Scale) -> Path:
    """Draw the pictures, and return a model that finds their shapes: all seeds begin with it.

    Seeds differ in the habits, the order of training, and the answers that are sampled.
    """
    model, base, shown = folder / "pretrained", folder / "base", folder / "shown"
    for world in (CLEAN, OTHER):
        prepare_world(world, folder)
    if not (shown / "card.json").is_file():
        call(
            "prepare.shapes",
            folder / "shown_source",
            *(f"{key}={value}" for key, value in CLEAN.keys.items()),
        )
        call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'shown_source'}",
             f"output_dir={shown}")  # fmt: skip
    call("train.tiny", base)
    train(model, base, shown, 0, scale.pretraining, rate=PRETRAINING_RATE)
    return model


def run_seed(folder: Path, scale: Scale, seed: int) -> list[Measured]:
    """Train and measure all arms of a seed."""
    start, clean, other = (folder / name for name in ("pretrained", CLEAN.name, OTHER.name))
    folder /= f"seed_{seed}"
    write_habits(clean, folder / "habits", seed)
    begun = folder / "model"
    spent = {HABITS: train(begun, start, folder / "habits", seed, scale.habits)}
    models = {
        arm: folder / re.sub(r"\W+", "_", arm) for arm in (MORE, SAMPLED, DPO, GRPO, LONGER, UPPER, BAD)
    }
    spent[GRPO] = reinforce(models[GRPO], begun, clean, seed, scale)
    longer = replace(scale, updates=scale.longer)
    spent[LONGER] = reinforce(models[LONGER], begun, clean, seed, longer)
    bad = f"reward: {ROOT / 'benchmarks' / 'bad_reward.py'}:mean_best_overlap"
    spent[BAD] = reinforce(models[BAD], begun, clean, seed, scale, bad)
    spent[MORE] = train(models[MORE], begun, folder / "habits", seed, scale.steps)
    spent[UPPER] = train(models[UPPER], begun, clean, seed, scale.steps)
    spent |= learn_from_samples(models, begun, clean, seed, scale.steps)
    models[HABITS] = begun
    return [
        Measured(seed, arm, dataset.name, spent[arm], measure(models[arm], dataset))
        for arm in (HABITS, MORE, SAMPLED, DPO, GRPO, LONGER, UPPER, BAD)
        for dataset in (clean, other)
    ]


def learn_from_samples(
    models: dict[str, Path], begun: Path, clean: Path, seed: int, steps: int
) -> dict[str, float]:
    """Train on the best of eight sampled answers, and on pairs of them, and return the seconds of both."""
    spent = {}
    for arm, keep in ((SAMPLED, "best"), (DPO, "pairs")):
        samples = models[arm].with_name(f"{models[arm].name}_answers")
        sampling = timed(
            samples, "infer.pairs", begun, clean, f"keep={keep}", f"output_dir={samples}", "batch_size=8",
            f"max_new_tokens={MOST_TOKENS}", f"limit={round(SAMPLE_SHARE * steps * 2)}", f"seed={seed}",
            "truth=false")  # fmt: skip
        left = (1 - SAMPLE_SHARE) * steps
        spent[arm] = sampling + (
            train(models[arm], begun, samples, seed, round(left), validation=clean)
            if arm == SAMPLED
            else train(
                models[arm], begun, samples, seed, round(left / DPO_COST), recipe="tiny_dpo", rate=DPO_RATE
            )
        )
    return spent


def train(
    folder: Path, start: Path, dataset: Path, seed: int, steps: int, *,
    recipe: str = "tiny_full", rate: float = RATE, validation: Path | None = None,
) -> float:  # fmt: skip
    """Train on the answers of a data set, and return the seconds."""
    return _train(
        recipe, folder, start, dataset, validation or dataset, seed, f"max_steps={steps}",
        f"learning_rate={rate:.6f}")  # fmt: skip


def reinforce(folder: Path, start: Path, dataset: Path, seed: int, scale: Scale, *keys: str) -> float:
    """Let the model learn from its own answers, and return the seconds."""
    settings = ", ".join(
        ("group: 8", f"prompts: {PROMPTS}", "keep_best: false", f"max_new_tokens: {MOST_TOKENS}", *keys)
    )
    return _train("tiny_grpo", folder, start, dataset, dataset, seed, f"max_steps={scale.updates}",
                  f"learning_rate={scale.rate:.6f}", f"per_device_train_batch_size={8 * PROMPTS}",
                  f"grounding_grpo={{{settings}}}")  # fmt: skip


def _train(
    recipe: str, folder: Path, start: Path, dataset: Path, validation: Path, seed: int, *keys: str
) -> float:
    return timed(
        folder, "train", f"recipes/train/{recipe}.yaml", f"model_name_or_path={start}",
        f"train_dataset_path={dataset / 'train.jsonl'}", f"output_dir={folder}",
        f"eval_dataset_path={validation / 'val.jsonl'}", f"logging_dir={folder / 'visualdl'}",
        f"seed={seed + 1}", f"max_pixels={MAX_PIXELS}", "grounding_eval_samples=0", "evaluation_strategy=no",
        "do_eval=false", "save_steps=100000", "logging_steps=10", *keys)  # fmt: skip


def timed(folder: Path, module: str, *words: object) -> float:
    """Run a module that fills a folder, and return its seconds of a processor; a finished one is kept."""
    path = folder / "processor_seconds.json"
    if not path.is_file():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        call(module, *words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        write_json(path, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return float(json.loads(path.read_text(encoding="utf-8")))


def measure(model: Path, dataset: Path) -> dict[str, float]:
    """Ask a model about the validation pictures, and return the values of the table's columns."""
    path = model / f"measured_{dataset.name}.json"
    if not path.is_file():
        write_json(path, _measure(model, dataset))
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _measure(model: Path, dataset: Path) -> dict[str, float]:
    from infer.scoring.inputs import read_evaluation
    from infer.scoring.scorecard import score
    from train.objectives.grpo.rollout_figures import count_copies

    answers = model / f"answers_{dataset.name}"
    call("infer", "recipes/infer/demo.yaml", f"checkpoint={model}", f"dataset={dataset}", "repeat_stop=false",
         f"output_dir={answers}", "batch_size=64", f"max_new_tokens={MOST_TOKENS}")  # fmt: skip
    evaluation = read_evaluation(answers / "predictions.jsonl", dataset)
    values = score(evaluation, draws=0).values
    boxes = [item.detections for item in evaluation.predictions]
    count = sum(map(len, boxes))
    objects = sum(map(len, evaluation.objects.values()))
    numbers = (
        values["f1_50"], *(100 * sum(count_copies(each, least) for each in boxes) / max(1, count)
        for least in (0.9, 0.5)), count / objects,
        100 * (values["false_positive_rate"] or 0.0), values["AP"])  # fmt: skip
    return {name: float(number or 0.0) for name, number in zip(COLUMNS, numbers, strict=True)}


def table(measured: Sequence[Measured], pictures: str) -> str:
    """Return the means over the seeds, with the lowest and the highest."""
    rows = []
    for arm in dict.fromkeys(row.arm for row in measured):
        own = [row for row in measured if row.arm == arm]
        cells = [shown([row.values[column] for row in own]) for column in COLUMNS]
        rows.append([arm, shown([row.seconds for row in own]), *cells])
    seeds = len({row.seed for row in measured})
    return format_table([f"{pictures} pictures, {seeds} seeds", "processor s", *COLUMNS], rows)


def shown(values: Sequence[float]) -> str:
    """Return the mean, and the range in brackets."""
    digits = 3 if max(values) < 2 else 1
    return f"{statistics.mean(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def update_times(folders: Sequence[Path]) -> str:
    """Return the mean seconds of an update, on the clock, from the logs of GRPO."""
    logs = "".join((folder / GRPO / "logs" / "train.log").read_text(encoding="utf-8") for folder in folders)
    parts = {
        part: statistics.mean(map(float, re.findall(rf"grpo_{part}_seconds: ([\d.e-]+)", logs)))
        for part in ("sampling", "reward", "learning")
    }
    return "an update of GRPO, seconds on the clock: " + ", ".join(
        f"{part} {seconds:.3f}" for part, seconds in parts.items()
    )


def missed_goals(measured: Sequence[Measured]) -> Iterator[str]:
    """Yield each goal that GRPO misses, of the means over the seeds."""

    def mean(arm: str, column: str) -> float:
        own = [row for row in measured if (row.arm, row.pictures) == (arm, CLEAN.name)]
        return statistics.mean(row.values[column] for row in own)

    f1, _, doubled, boxes, false_boxes, _ = COLUMNS
    reached = {
        f"F1 rises by {LEAST_GAIN}": mean(LONGER, f1) - mean(HABITS, f1) >= LEAST_GAIN,
        f"copies and doubled boxes are below {MOST_COPIES} %": mean(LONGER, doubled) < MOST_COPIES,
        f"boxes an object are in {BOXES}": BOXES[0] <= mean(LONGER, boxes) <= BOXES[1],
        f"false boxes are below {MOST_FALSE} %": mean(LONGER, false_boxes) < MOST_FALSE,
        "the bad reward raises doubled boxes": mean(BAD, doubled) > mean(HABITS, doubled),
    }
    yield from (f"not reached: {goal}" for goal, is_reached in reached.items() if not is_reached)


if __name__ == "__main__":
    sys.exit(main())
