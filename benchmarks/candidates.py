"""`python benchmarks/candidates.py [FOLDER]`: what do a detector's boxes in the question bring?

A tiny model that finds shapes in large pictures (`large` of benchmarks/views.py, whose folder this shares) is
taught that 30 % of the shapes are `marked`. The mark is not drawn: it stands for what a model cannot see, as
it is too small for its pixels, and a detector can. Two models go on from there with the same pictures and the
same number of steps: one with plain questions, and one with questions that list candidates (`candidates.file`
of a prepare recipe, with its share of records that list none; a number alone is the answer from an IoU of
0.75 on). Nothing is changed on purpose: the detector knows the training pictures as little as the others.

The detector is made up: it misses 30 % of the objects, 30 % of its boxes are false, the others are off by up
to 6 % of a side, and the scores of right and false boxes overlap. Four things are scored on pictures that
nobody was trained on: the detector alone, at the threshold of scores that gives it the best F1 on these very
pictures; the model that never saw candidates; the model with candidates; and the same model without them.

A cell is the mean over the seeds, with the lowest and the highest, or the bootstrap interval of the
pictures for one seed. Exit code 1 if F1 with candidates is not at least 0.05 over the better of detector
and model alone, or if without candidates it is more than 0.01 below the model that never saw any. What is
there already is kept: repeat the command.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks import views
from benchmarks.module_call import call, timed_call
from grounding.boxes import Box, Size, iou
from grounding.files import write_json
from grounding.record.conversation import parse_record
from grounding.samples import Detection
from grounding.tables import format_table
from infer.scoring.scorecard import score_predictions

SIDE = 128
SHAPES = ("red square", "green circle", "blue triangle")
CLASSES = (*SHAPES, *(f"marked {name}" for name in SHAPES))
MARKED = 0.3
PICTURES = ("seed=2", f"image_size={SIDE}", "cells=16", "images=8000", "val_images=512")
SMALLEST, LARGEST = SIDE / 8, SIDE / 4
"""Sides of the shapes, in pixels. A model sees half as many."""

START_SEED, STEPS = 1, 2500

MISSING, FALSE, OFF = 0.3, 0.3, 0.06
"""Shares: of objects that are missed, of boxes that are false, and of a side by which right boxes are off."""

LISTING = [f"candidates.{key}" for key in ("good=0.75", "jitter=0", "falsified=0", "dropped=0")]
LEAST_GAIN, MOST_LOST = 0.05, 0.01
DETECTOR, PLAIN, LISTED, REMOVED = (
    "detector alone, best threshold",
    "model that never saw candidates",
    "model with candidates",
    "the same, candidates removed",
)
THRESHOLDS = (0.0, *(step / 20 for step in range(5, 19)))


@dataclass(frozen=True)
class Measured:
    """The scores of one seed and arm: F1, precision and recall at IoU 0.5, and the interval of F1."""

    seed: int
    arm: str
    f1: float
    precision: float
    recall: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Places:
    """Where the pictures and the model are with which all begin, and a seed's data and models."""

    folder: Path
    start: Path
    seed: int
    steps: int

    @property
    def source(self) -> Path:
        """The drawn pictures of all seeds."""
        return self.folder / "source"

    @property
    def plain(self) -> Path:
        """The data set of plain questions of all seeds."""
        return self.folder / "plain"

    @property
    def home(self) -> Path:
        """The folder of the seed."""
        return self.folder / f"seed_{self.seed}"

    @property
    def results(self) -> Path:
        """The detector's boxes."""
        return self.home / "detector.json"

    def dataset(self, arm: str) -> Path:
        """Return the data set that an arm is trained on."""
        return self.plain if arm == PLAIN else self.home / "listed"

    def model(self, arm: str) -> Path:
        """Return the model of an arm."""
        return views.model_folder(self.home, "plain" if arm == PLAIN else "listed", self.steps)


def main() -> int:
    """Train what is missing, measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "views")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each of both trainings ({STEPS})")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, a core each (2)")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    folder = given.folder.resolve()
    start = views.trained(folder / f"seed_{START_SEED}", "large", views.STEPS, START_SEED)
    seeds = [Places(folder / "candidates", start, number, given.steps) for number in given.seeds]
    draw(seeds[0].source)
    prepare(seeds[0].source, seeds[0].plain)
    for places in seeds:
        detect(places)
        prepare(places.source, places.dataset(LISTED), f"candidates.file={places.results}", *LISTING)
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        list(pool.map(train, *zip(*((each, arm) for arm in (PLAIN, LISTED) for each in seeds), strict=True)))
    measured = [row for places in seeds for row in measure(places)]
    print(table(measured))
    missed = missed_goals(measured)
    print("\n".join(missed or ["both goals are reached"]))
    return int(bool(missed))


def draw(source: Path) -> None:
    """Draw the pictures, and mark shapes by their labels alone."""
    if source.exists():
        return
    part = source.with_name(f"{source.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    call("prepare.shapes", part, *PICTURES)
    chance = Random(0)
    for path in sorted(part.glob("*.parquet")):
        table = pq.read_table(path)
        objects = table["objects"].to_pylist()
        for each in objects:
            each["category"] = [
                number + len(SHAPES) * (chance.random() < MARKED) for number in each["category"]
            ]
        place = table.schema.get_field_index("objects")
        marked = pa.array(objects, table.schema.field("objects").type)
        pq.write_table(table.set_column(place, table.schema.field("objects"), marked), path)
    part.rename(source)


def prepare(source: Path, dataset: Path, *words: str) -> None:
    """Prepare a data set of the shapes."""
    call("prepare", "recipes/prepare/demo.yaml", f"source.path={source}", f"output_dir={dataset}",
         f"categories=[{','.join(CLASSES)}]", *words)  # fmt: skip


def train(places: Places, arm: str) -> None:
    """Train the model of an arm."""
    views.train_on(places.dataset(arm), places.model(arm), places.start, places.steps, places.seed + 2)


def detect(places: Places) -> None:
    """Write what the made-up detector finds in the pictures of both splits."""
    if places.results.is_file():
        return
    card = json.loads((places.plain / "card.json").read_text())
    names = {each["name"]: each["id"] for each in card["categories"]}
    chance, rows = Random(places.seed), []
    for split in ("train", "val"):
        for line in (places.plain / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
            record = parse_record(json.loads(line))
            objects = record.read_answers(Size(SIDE, SIDE)).detections
            image_id = int(Path(record.image).stem)
            rows += [{"image_id": image_id, **row} for row in detected(objects, names, chance)]
    write_json(places.results, rows)


def detected(objects: Sequence[Detection], names: dict[str, int], chance: Random) -> list[dict[str, Any]]:
    """Return the rows of one picture: right boxes, and false ones that are no object."""
    rows = []
    for item in objects:
        if chance.random() < MISSING:
            continue
        x, y, width, height = item.box.xywh
        off = [OFF * (2 * chance.random() - 1) for _ in range(4)]
        box = (x + off[0] * width, y + off[1] * height, width * (1 + off[2]), height * (1 + off[3]))
        rows.append(row_of(box, names[item.label], 0.35 + 0.65 * chance.random()))
    boxes = [item.box for item in objects]
    for _ in objects:  # so many that a share of FALSE of all boxes is false
        if chance.random() < (1 - MISSING) * FALSE / (1 - FALSE):
            rows.append(
                row_of(false_box(boxes, chance), chance.choice(list(names.values())), 0.8 * chance.random())
            )
    return rows


def row_of(box: Sequence[float], category: int, score: float) -> dict[str, Any]:
    """Return a row of COCO's results."""
    return {"category_id": category, "bbox": [round(value, 2) for value in box], "score": round(score, 3)}


def false_box(boxes: Sequence[Box], chance: Random) -> tuple[float, float, float, float]:
    """Return xywh of a box that is no object."""
    while True:
        width, height = (chance.uniform(SMALLEST, LARGEST) for _ in range(2))
        box = Box.from_xywh(chance.uniform(0, SIDE - width), chance.uniform(0, SIDE - height), width, height)
        if all(iou(box, other) < 0.3 for other in boxes):
            return box.xywh


def measure(places: Places) -> list[Measured]:
    """Return the scores of a seed."""
    answered = {
        PLAIN: ask(places, PLAIN, "answers"),
        LISTED: ask(places, LISTED, "answers"),
        REMOVED: ask(places, LISTED, "answers_removed", "candidates=none"),
    }
    found = {threshold: write_detections(places, threshold) for threshold in THRESHOLDS}
    f1 = {
        key: score_predictions(path, places.plain, draws=0).values["f1_50"] or 0
        for key, path in found.items()
    }
    best = found[max(THRESHOLDS, key=lambda threshold: f1[threshold])]
    call("infer.score", best, "--dataset", places.plain)
    answered = {DETECTOR: best.parent, **answered}
    return [read_scores(places, arm, folder) for arm, folder in answered.items()]


def ask(places: Places, arm: str, name: str, *words: str) -> Path:
    """Ask a model about the validation pictures, score the answers, and return their folder."""
    folder = places.model(arm) / name
    timed_call(folder, "infer", "recipes/infer/demo.yaml", f"checkpoint={places.model(arm)}",
               f"dataset={places.dataset(arm)}", f"output_dir={folder}", "batch_size=32", *words)  # fmt: skip
    call("infer.score", folder)
    return folder


def write_detections(places: Places, threshold: float) -> Path:
    """Write the detector's boxes from a threshold on as predictions, and return their file."""
    rows = [row for row in json.loads(places.results.read_text()) if row["score"] >= threshold]
    annotations = json.loads((places.plain / "annotations_val.json").read_text())
    found: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in annotations["images"]}
    names = {each["id"]: each["name"] for each in annotations["categories"]}
    for row in rows:
        if row["image_id"] in found:
            x, y, width, height = row["bbox"]
            found[row["image_id"]].append(
                {
                    "label": names[row["category_id"]],
                    "box": [x, y, x + width, y + height],
                    "score": row["score"],
                }
            )
    folder = places.home / "detector" / f"{threshold:.2f}"
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"image_id": key, "detections": value}) for key, value in found.items())
    (folder / "predictions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "predictions.jsonl"


def read_scores(places: Places, arm: str, folder: Path) -> Measured:
    """Return the scores in a folder."""
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    low, high = scores["intervals"]["f1_50"]
    f1, precision, recall = (scores[f"{key}_50"] for key in ("f1", "precision", "recall"))
    return Measured(places.seed, arm, f1, precision, recall, (low, high))


def table(rows: Sequence[Measured]) -> str:
    """Return the means over the seeds in percent, with the lowest and the highest."""
    lines = []
    for arm in dict.fromkeys(row.arm for row in rows):
        own = [row for row in rows if row.arm == arm]
        f1 = shown([row.f1 for row in own], own[0].interval if len(own) == 1 else None)
        lines.append([arm, f1, shown([row.precision for row in own]), shown([row.recall for row in own])])
    seeds = len({row.seed for row in rows})
    return format_table([f"{seeds} seeds, percent", "F1 at IoU 0.5", "precision", "recall"], lines)


def shown(values: Sequence[float], interval: tuple[float, float] | None = None) -> str:
    """Return the mean in percent, and in brackets the range of several values or the interval of one."""
    low, high = interval or (min(values), max(values))
    text = f"{100 * statistics.mean(values):.1f}"
    return f"{text} ({100 * low:.1f}..{100 * high:.1f})" if len(values) > 1 or interval else text


def missed_goals(rows: Sequence[Measured]) -> list[str]:
    """Return a line for each goal that the means over the seeds miss."""
    mean = {
        arm: statistics.mean(row.f1 for row in rows if row.arm == arm)
        for arm in (DETECTOR, PLAIN, LISTED, REMOVED)
    }
    gain, lost = mean[LISTED] - max(mean[DETECTOR], mean[PLAIN]), mean[PLAIN] - mean[REMOVED]
    missed = []
    if gain < LEAST_GAIN:
        missed.append(
            f"not reached: F1 {LEAST_GAIN} over the better of detector and model alone: {gain:+.3f}"
        )
    if lost > MOST_LOST:
        missed.append(
            f"not reached: without candidates at most {MOST_LOST} below a plain model: {-lost:+.3f}"
        )
    return missed


if __name__ == "__main__":
    sys.exit(main())
