"""`python benchmarks/hard_examples.py [FOLDER]`: does training on mined examples find what was overlooked?

Draws pictures of three shapes in which one class (blue triangle) is rare and objects of one cell (8 pixels)
are few, and trains the tiny model on them. `infer.mine` grades its answers to the training pictures. From
that model on, the same number of steps are trained in four ways: on more of the same; on the same with the
pictures of the rare class repeated, hard or not; and on mixes of the same with as many mined records, by
hardness alone (most_rarity=1), or by hardness and rarity, as is the default of `infer.mine` (most_rarity=3).
Validation pictures have all classes and sizes alike.

Printed are recall at IoU 0.5 of the rare class, of the small objects, of all others, F1 and AP: means over
the seeds, with the lowest and the highest. Exit code 1 if the last mix does not lift the mean recall of the
rare class and of the small objects above more of the same. Interrupted runs resume: repeat the command. Takes
about half an hour of processor time.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.module_call import call
from grounding.files import write_json, write_jsonl
from grounding.predictions.outcomes import Outcome, judge_detections
from grounding.tables import format_table
from infer.scoring.inputs import read_evaluation

IMAGES, VAL_IMAGES = 10_000, 600
RARE, CELL = "blue triangle", 125
KEPT = {"rare": 0.05, "small": 0.15}
"""Shares of the training pictures with a rare or a small object that stay."""

COLUMNS = ("recall, rare", "recall, small", "recall, others", "F1", "AP")
BEFORE, SAME, REPEATED = "before", "more of the same", "rare ones repeated"
REPEATS = 3
"""How often a picture with the rare class comes where it is repeated: the most_rarity of the last mix."""

MIXES = {"mix, by hardness": 1, "mix, by hardness and rarity": 3}
"""Stage -> most_rarity of `infer.mine`."""


def main() -> int:
    """Make missing data and models, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "hard_examples")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=600, help="steps of the first training (600)")
    parser.add_argument("--more-steps", type=int, default=300, help="steps of the next stage (300)")
    parser.add_argument("--answers", type=int, default=2, help="answers sampled per picture (2)")
    parser.add_argument("--share", type=float, default=0.5, help="of mined records in a mix (0.5)")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    measured: dict[str, list[dict[str, float]]] = {}
    for seed in arguments.seeds:
        start = time.monotonic()
        folder = arguments.folder.resolve() / f"seed_{seed}"
        for stage, model in train(folder, seed, arguments).items():
            measured.setdefault(stage, []).append(measure(model, folder / "data"))
        seconds = time.monotonic() - start
        sys.stderr.write(f"seed {seed}, {seconds:.0f} s; so far:\n{table(measured)}\n")
    sys.stdout.write(f"{table(measured)}\n")
    missed = list(missed_goals(measured))
    sys.stdout.write("\n".join(missed or ["recall of the rare class and of small objects is lifted"]) + "\n")
    return int(bool(missed))


def train(folder: Path, seed: int, arguments: argparse.Namespace) -> dict[str, Path]:
    """Make the data and the models of one seed, and return the folder of each stage's model."""
    data, base = folder / "data", folder / "base"
    make_data(folder, seed)
    if not (base / "config.json").is_file():
        call("train.tiny", base, f"seed={seed}")
    first = folder / f"first_{arguments.steps}"
    train_stage(first, base, {data: 1.0}, f"max_steps={arguments.steps}", f"seed={seed + 1}")
    more = (f"max_steps={arguments.more_steps}", f"seed={seed + 2}", "learning_rate=1.5e-3")
    models = {BEFORE: first, SAME: folder / f"same_{arguments.more_steps}"}
    train_stage(models[SAME], first, {data: 1.0}, *more)
    models[REPEATED] = folder / f"repeated_{arguments.more_steps}"
    train_stage(models[REPEATED], first, {repeat_rare(folder): 1.0}, *more)
    mined: Path | None = None
    for stage, rarity in MIXES.items():
        mined = mine(folder / f"mined_{arguments.answers}_{rarity}", first, data, rarity, mined)
        models[stage] = (
            folder / f"mix_{arguments.share:g}_{arguments.more_steps}_{arguments.answers}_{rarity}"
        )
        train_stage(models[stage], first, {data: 1 - arguments.share, mined: arguments.share}, *more)
    return models


def repeat_rare(folder: Path) -> Path:
    """Write the data set with the pictures of the rare class repeated, and return its folder."""
    data, repeated = folder / "data", folder / "data_repeated"
    if not (repeated / "card.json").is_file():
        shutil.rmtree(repeated, ignore_errors=True)
        left_out = shutil.ignore_patterns("card.json", "train.jsonl", "token_lengths.json")
        shutil.copytree(data, repeated, copy_function=os.link, ignore=left_out)
        rows = [json.loads(line) for line in (data / "train.jsonl").read_text("utf-8").splitlines()]
        lines = [row for time in range(REPEATS) for row in rows if time == 0 or has_rare(row)]
        write_jsonl(repeated / "train.jsonl", lines)
        card = json.loads((data / "card.json").read_text("utf-8"))
        card["counts"]["train"] = {"images": len(rows), "records": len(lines)}
        write_json(repeated / "card.json", card)
    return repeated


def mine(mined: Path, model: Path, data: Path, rarity: int, other: Path | None) -> Path:
    """Mine hard examples, if that is not done, and return their folder; `other` has the same answers."""
    if not (mined / "card.json").is_file():
        if other is not None:
            mined.mkdir(exist_ok=True)
            for name in ("sampling.json", "samples.jsonl"):
                shutil.copyfile(other / name, mined / name)
        answers = mined.name.split("_")[1]
        call("infer.mine", model, data, f"answers={answers}", f"output_dir={mined}", f"most_rarity={rarity}",
             "batch_size=64", "max_new_tokens=160", "device=cpu")  # fmt: skip
    return mined


def make_data(folder: Path, seed: int) -> None:
    """Draw and prepare the data set, and take most training pictures with rare and small objects out."""
    data, whole = folder / "data", folder / "whole"
    if (data / "card.json").is_file():
        return
    call("prepare.shapes", folder / "source", f"images={IMAGES}", f"val_images={VAL_IMAGES}", f"seed={seed}",
         "min_cells=1", "max_cells=5")  # fmt: skip
    call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'source'}", f"output_dir={whole}")
    chance = random.Random(seed)
    rows = [json.loads(line) for line in (whole / "train.jsonl").read_text("utf-8").splitlines()]
    kept = [row for row in rows if chance.random() < chance_to_stay(row)]
    shutil.rmtree(data, ignore_errors=True)
    left_out = shutil.ignore_patterns("card.json", "train.jsonl")
    shutil.copytree(whole, data, copy_function=os.link, ignore=left_out)
    write_jsonl(data / "train.jsonl", kept)
    card = json.loads((whole / "card.json").read_text("utf-8"))
    card["counts"]["train"] = {"images": len(kept), "records": len(kept)}
    write_json(data / "card.json", card)
    rare, small = (sum(map(has, kept)) for has in (has_rare, has_small))
    sys.stderr.write(
        f"{len(kept)} training pictures, {rare} with the rare class, {small} with a small object\n"
    )


def chance_to_stay(row: Mapping[str, Any]) -> float:
    """Return the share of such pictures that stay in the training split."""
    return (KEPT["rare"] if has_rare(row) else 1.0) * (KEPT["small"] if has_small(row) else 1.0)


def has_rare(row: Mapping[str, Any]) -> bool:
    """Tell whether a record names an object of the rare class."""
    return RARE in row["objects"]["ref"]


def has_small(row: Mapping[str, Any]) -> bool:
    """Tell whether a record names an object of one cell."""
    return any(x2 - x1 <= CELL for x1, _, x2, _ in row["objects"]["bbox"])


def train_stage(output: Path, start: Path, shares: Mapping[Path, float], *words: str) -> None:
    """Train on the train.jsonl of data sets by their shares, if there is no such model yet, and ask it."""
    used = {folder: share for folder, share in shares.items() if share > 0}
    data = next(iter(shares))
    if not any(output.glob("model*.safetensors")):
        call("train", "recipes/train/tiny_full.yaml", f"model_name_or_path={start}",
             "train_dataset_path=" + ",".join(f"{folder / 'train.jsonl'}" for folder in used),
             "train_dataset_prob=" + ",".join(f"{share:g}" for share in used.values()),
             "train_dataset_type=" + ",".join("messages" for _ in used), "mix_strategy=interleave_over",
             f"eval_dataset_path={data / 'val.jsonl'}", f"output_dir={output}",
             f"logging_dir={output / 'visualdl'}", "evaluation_strategy=no", "do_eval=false",
             "grounding_eval_samples=0", "save_steps=100000", *words)  # fmt: skip
    call("infer", "recipes/infer/demo.yaml", f"checkpoint={output}", f"dataset={data}",
         f"output_dir={output / 'eval'}", "batch_size=64")  # fmt: skip


def measure(model: Path, dataset: Path) -> dict[str, float]:
    """Return the columns of a model's answers to the validation pictures."""
    evaluation = read_evaluation(model / "eval" / "predictions.jsonl", dataset)
    found: dict[str, list[bool]] = {name: [] for name in COLUMNS[:3]}
    for answer in evaluation.predictions:
        objects = evaluation.objects.get(answer.image_id, ())
        size = 64 * CELL / 1000
        judged = judge_detections(objects, answer.detections)
        right = {item.true_place for item in judged if item.outcome is Outcome.TRUE_POSITIVE}
        for place, item in enumerate(objects):
            kinds = [COLUMNS[0]] * (item.label == RARE) + [COLUMNS[1]] * (item.box.x2 - item.box.x1 <= size)
            for kind in kinds or [COLUMNS[2]]:
                found[kind].append(place in right)
    scores = json.loads((model / "eval" / "scores.json").read_text("utf-8"))
    return {
        **{name: statistics.fmean(values) for name, values in found.items()},
        "F1": scores["f1_50"],
        "AP": scores["AP"],
    }


def table(measured: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Return the mean of each column in percent, with the lowest and the highest."""
    rows = [
        [stage, *(shown([row[column] for row in rows]) for column in COLUMNS)]
        for stage, rows in measured.items()
    ]
    return format_table(["percent", *COLUMNS], rows)


def shown(values: Sequence[float]) -> str:
    """Return the mean, and the range in brackets."""
    mean, low, high = (100 * value for value in (statistics.fmean(values), min(values), max(values)))
    return f"{mean:.1f} ({low:.1f}..{high:.1f})"


def missed_goals(measured: Mapping[str, Sequence[Mapping[str, float]]]) -> list[str]:
    """Return a line for each kind of object whose mean recall the last mix does not lift."""
    mix, same = (
        {column: 100 * statistics.fmean(row[column] for row in measured[stage]) for column in COLUMNS[:2]}
        for stage in (list(MIXES)[-1], SAME)
    )
    return [
        f"not lifted: {column}, {mix[column]:.1f} after {same[column]:.1f}"
        for column in COLUMNS[:2]
        if mix[column] <= same[column]
    ]


if __name__ == "__main__":
    sys.exit(main())
