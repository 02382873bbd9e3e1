"""`python benchmarks/candidates.py [FOLDER]`: what do a detector's boxes in the question bring?

A tiny model that finds shapes (`small` of benchmarks/views.py, whose folder this shares) is taught that each
shape has a sign: 70 % have a `ring`, 30 % a `cross`. The sign is not drawn: it stands for what a model cannot
see, as it is too small for its pixels, and a detector can.

Qwen3-VL can copy words of its question; a tiny model has to learn it first. So there are two trainings, on
pictures of their own. In the first, a shape has one of twelve signs, and a faultless detector lists all. In
the second, the signs are as above, and the detector errs. One model sees the lists in both (`candidates.file`
of a prepare recipe, with its share of records that list none), the other sees the same pictures for as many
steps and never a list. Every right candidate is answered with its corrected box. The records are not changed
on purpose: the detector knows the training pictures as little as the others.

The detector is made up: it misses 30 % of the objects, 30 % of its boxes are false, the others are off by up
to 6 % of a side, and the scores of right and false boxes overlap. Four things are scored on pictures that
nobody was trained on: the detector alone, at the threshold of scores that gives it the best F1 on these very
pictures; the model that never saw candidates; the model with candidates; and the same model without them.

A cell is the mean over the seeds, with the lowest and the highest, or the bootstrap interval of the
pictures for one seed. Exit code 1 if F1 with candidates is not at least 0.05 over the better of detector
and model alone, or if without candidates it is more than 0.01 below the model that never saw any. What is
there already is kept: repeat the command. All seeds share the first training. All of it takes two and a half
hours on two cores.
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

SIDE = 64
SHAPES = ("red square", "green circle", "blue triangle")
SIGNS = ("ring", "cross", "star", "stop", "cup", "tie", "kite", "fork", "bat", "bow", "box", "glass")
CLASSES = tuple(f"{shape} {sign}" for sign in SIGNS for shape in SHAPES)
PICTURES = (f"image_size={SIDE}", "cells=8", "images=16000")
SMALLEST, LARGEST = SIDE / 4, SIDE / 2
"""Sides of the shapes, in pixels."""

START_SEED, COPY_STEPS, STEPS = 1, 4000, 2000
TRAINING = ("per_device_train_batch_size=16", "learning_rate=2.0e-3")

LISTING = ("jitter=0", "falsified=0", "dropped=0")
LEAST_GAIN, MOST_LOST = 0.05, 0.01
DETECTOR, PLAIN, LISTED, REMOVED = (
    "detector alone, best threshold",
    "model that never saw candidates",
    "model with candidates",
    "the same, candidates removed",
)
THRESHOLDS = (0.0, *(step / 20 for step in range(5, 19)))


@dataclass(frozen=True)
class Lesson:
    """The pictures of a training and what its detector is like.

    `drawing` are words of `prepare.shapes`, `signs` tells how likely each sign is, and `listing` has settings
    of the candidates. `missing`, `false` and `off` are shares: of objects that are missed, of boxes that are
    false, and of a side by which right boxes are off.
    """

    name: str
    drawing: tuple[str, ...]
    signs: tuple[float, ...]
    missing: float
    false: float
    off: float
    listing: tuple[str, ...]


COPYING = Lesson("copying", ("seed=3", "val_images=64", "max_objects=3"), (1.0,) * len(SIGNS), 0, 0, 0,
                 ("without=0.2",))  # fmt: skip
JUDGING = Lesson("judging", ("seed=2", "val_images=512"), (0.7, 0.3), 0.3, 0.3, 0.06, ("good=1",))


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
    """Where the data and the models of a lesson and a seed are."""

    folder: Path
    lesson: Lesson
    seed: int

    @property
    def source(self) -> Path:
        """The drawn pictures of all seeds."""
        return self.folder / self.lesson.name / "source"

    @property
    def plain(self) -> Path:
        """The data set of plain questions of all seeds."""
        return self.folder / self.lesson.name / "plain"

    @property
    def home(self) -> Path:
        """The folder of the seed."""
        return self.folder / self.lesson.name / f"seed_{self.seed}"

    @property
    def results(self) -> Path:
        """The detector's boxes."""
        return self.home / "detector.json"

    def dataset(self, arm: str) -> Path:
        """Return the data set that an arm is trained on."""
        return self.plain if arm == PLAIN else self.home / "listed"

    def model(self, arm: str, steps: int) -> Path:
        """Return the model of an arm."""
        return views.model_folder(self.home, "plain" if arm == PLAIN else "listed", steps)


def main() -> int:
    """Train what is missing, measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "views")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of the second training ({STEPS})")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, a core each (2)")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    folder = given.folder.resolve()
    views.trained(folder / f"seed_{START_SEED}", "small", views.STEPS, START_SEED)
    copying = Places(folder / "candidates", COPYING, START_SEED)
    judging = [Places(folder / "candidates", JUDGING, seed) for seed in given.seeds]
    for places in (copying, *judging):
        prepare_lesson(places)
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        copied = {arm: pool.submit(learn_to_copy, copying, arm) for arm in (LISTED, PLAIN)}
        learned = [
            pool.submit(train, each, arm, copied[arm].result(), given.steps)
            for arm in copied
            for each in judging
        ]
        for each in learned:
            each.result()
        measured = [row for rows in pool.map(measure, judging, [given.steps] * len(judging)) for row in rows]
    print(table(measured))
    missed = missed_goals(measured)
    print("\n".join(missed or ["both goals are reached"]))
    return int(bool(missed))


def prepare_lesson(places: Places) -> None:
    """Draw the pictures of a lesson, ask its detector, and prepare both data sets."""
    draw(places.source, places.lesson)
    prepare(places.source, places.plain)
    detect(places)
    listing = [f"candidates.{key}" for key in (*LISTING, *places.lesson.listing)]
    prepare(places.source, places.dataset(LISTED), f"candidates.file={places.results}", *listing)


def draw(source: Path, lesson: Lesson) -> None:
    """Draw the pictures, and give the shapes signs in their labels alone."""
    if source.exists():
        return
    part = source.with_name(f"{source.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    call("prepare.shapes", part, *PICTURES, *lesson.drawing)
    chance = Random(0)
    for path in sorted(part.glob("*.parquet")):
        table = pq.read_table(path)
        objects = table["objects"].to_pylist()
        for each in objects:
            each["category"] = [signed(shape, lesson, chance) for shape in each["category"]]
        place = table.schema.get_field_index("objects")
        with_signs = pa.array(objects, table.schema.field("objects").type)
        pq.write_table(table.set_column(place, table.schema.field("objects"), with_signs), path)
    part.rename(source)


def signed(shape: int, lesson: Lesson, chance: Random) -> int:
    """Return the class of a shape with one of the lesson's signs."""
    return shape + len(SHAPES) * chance.choices(range(len(lesson.signs)), lesson.signs)[0]


def prepare(source: Path, dataset: Path, *words: str) -> None:
    """Prepare a data set of the shapes."""
    call("prepare", "recipes/prepare/demo.yaml", f"source.path={source}", f"output_dir={dataset}",
         f"categories=[{','.join(CLASSES)}]", *words)  # fmt: skip


def learn_to_copy(places: Places, arm: str) -> Path:
    """Train the model from which all seeds of an arm begin, and return its folder."""
    start = views.model_folder(places.folder.parent / f"seed_{START_SEED}", "small", views.STEPS)
    return train(places, arm, start, COPY_STEPS)


def train(places: Places, arm: str, start: Path, steps: int) -> Path:
    """Train the model of an arm, and return its folder."""
    model = places.model(arm, steps)
    views.train_on(places.dataset(arm), model, start, steps, places.seed + 2, *TRAINING)
    return model


def detect(places: Places) -> None:
    """Write what the made-up detector finds in the pictures of both splits."""
    if places.results.is_file():
        return
    card = json.loads((places.plain / "card.json").read_text())
    ids = [each["id"] for name in CLASSES for each in card["categories"] if each["name"] == name]
    chance, rows = Random(places.seed), []
    for split in ("train", "val"):
        for line in (places.plain / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
            record = parse_record(json.loads(line))
            objects = record.read_answers(Size(SIDE, SIDE)).detections
            image_id = int(Path(record.image).stem)
            found = detected(objects, places.lesson, chance)
            rows += [
                {"image_id": image_id, "category_id": ids[number], "bbox": box, "score": score}
                for number, box, score in found
            ]
    write_json(places.results, rows)


def detected(
    objects: Sequence[Detection], lesson: Lesson, chance: Random
) -> list[tuple[int, list[float], float]]:
    """Return class, xywh and score of what is found in a picture: right boxes, and false ones."""
    found = []
    for item in objects:
        if chance.random() < lesson.missing:
            continue
        x, y, width, height = item.box.xywh
        off = [lesson.off * (2 * chance.random() - 1) for _ in range(4)]
        box = (x + off[0] * width, y + off[1] * height, width * (1 + off[2]), height * (1 + off[3]))
        found.append((CLASSES.index(item.label), box, 0.35 + 0.65 * chance.random()))
    boxes = [item.box for item in objects]
    for _ in objects:  # so many that a share of `false` of all boxes is false
        if chance.random() < (1 - lesson.missing) * lesson.false / (1 - lesson.false):
            number = signed(chance.randrange(len(SHAPES)), lesson, chance)
            found.append((number, false_box(boxes, chance), 0.8 * chance.random()))
    return [(number, [round(side, 2) for side in box], round(score, 3)) for number, box, score in found]


def false_box(boxes: Sequence[Box], chance: Random) -> tuple[float, float, float, float]:
    """Return xywh of a box that is no object."""
    while True:
        width, height = (chance.uniform(SMALLEST, LARGEST) for _ in range(2))
        box = Box.from_xywh(chance.uniform(0, SIDE - width), chance.uniform(0, SIDE - height), width, height)
        if all(iou(box, other) < 0.3 for other in boxes):
            return box.xywh


def measure(places: Places, steps: int) -> list[Measured]:
    """Return the scores of a seed."""
    answered = {
        PLAIN: ask(places, PLAIN, steps, "answers"),
        LISTED: ask(places, LISTED, steps, "answers"),
        REMOVED: ask(places, LISTED, steps, "answers_removed", "candidates=none"),
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


def ask(places: Places, arm: str, steps: int, name: str, *words: str) -> Path:
    """Ask a model about the validation pictures, score the answers, and return their folder."""
    model = places.model(arm, steps)
    folder = model / name
    timed_call(folder, "infer", "recipes/infer/demo.yaml", f"checkpoint={model}",
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
