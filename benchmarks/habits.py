"""Drawn pictures for `benchmarks/reinforce.py`, and training answers with planted habits.

A picture has one or two shapes of three classes, each class at most once. A question is about everything or
about one class; a quarter of the latter are about one that is not there. Bad annotators have habits that can
be seen in the picture: they leave out small objects, name large ones twice, and see things where a large
object is.
"""

import json
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.module_call import call
from grounding.answers.forms import NOTHING_FOUND
from grounding.boxes import GridBox
from grounding.files import write_json, write_jsonl
from prepare.shapes.picture import GROUND

CLASSES = ("red square", "green circle", "blue triangle")
QUESTIONS = ("task.en1", "category.en1")
CELLS = 8
GRID_CELL = 1000 // CELLS

Row = dict[str, Any]

LEFT_OUT, COPIED, INVENTED = 0.20, 0.15, 0.10
"""Shares of the boxes that are left out and named twice, and of the negatives that get a false box."""

SMALL, LARGE = 2, 4
"""Sides in cells: small objects are left out, large ones are named twice."""


@dataclass(frozen=True)
class World:
    """How pictures are drawn: the keys of `prepare.shapes`, the colour of the ground, and what is asked."""

    name: str
    keys: Mapping[str, object]
    ground: tuple[int, int, int] = GROUND
    questions: tuple[str, ...] = QUESTIONS
    negatives: float = 0.25


def prepare_world(world: World, folder: Path) -> Path:
    """Draw and prepare a world's data set where it is missing, and return its folder."""
    source, dataset = folder / f"{world.name}_source", folder / world.name
    if not (dataset / "card.json").is_file():
        call(
            "prepare.shapes", source, "layout=yolo", *(f"{key}={value}" for key, value in world.keys.items())
        )
        if world.ground != GROUND:
            for path in sorted((source / "images").rglob("*.png")):
                colour_ground(path, world.ground)
        call("prepare", "recipes/prepare/yolo.yaml", f"source.path={source}", f"output_dir={dataset}",
             f"prompt=[{','.join(world.questions)}]", f"negatives.share={world.negatives}",
             "seed=0")  # fmt: skip
    return dataset


def colour_ground(path: Path, colour: tuple[int, int, int]) -> None:
    """Give the ground of a picture another colour."""
    import numpy as np
    from PIL import Image

    pixels = np.array(Image.open(path).convert("RGB"))
    pixels[(pixels == GROUND).all(axis=-1)] = colour
    Image.fromarray(pixels).save(path, compress_level=9)


def write_habits(clean: Path, folder: Path, seed: int) -> None:
    """Copy a data set with the habits in the answers of train.jsonl; val stays as it is."""
    if (folder / "card.json").is_file():
        return
    shutil.copytree(clean, folder, copy_function=os.link, ignore=shutil.ignore_patterns("card.json"))
    rows = [json.loads(line) for line in (clean / "train.jsonl").read_text("utf-8").splitlines()]
    bad = with_habits(rows, seed)
    (folder / "train.jsonl").unlink()
    write_jsonl(folder / "train.jsonl", bad)
    card = json.loads((clean / "card.json").read_text("utf-8"))
    card["counts"]["train"]["boxes_in_answers"] = sum(len(objects_of(row)) for row in bad)
    write_json(folder / "card.json", card)


@dataclass(frozen=True)
class Habits:
    """Chances that a small object is left out, a large one named twice, and a false box is given."""

    left_out: float
    copied: float
    invented: float


def with_habits(rows: Sequence[Row], seed: int) -> list[Row]:
    """Return records with habits in their answers, in the shares of all boxes and of all negatives."""
    pictures: dict[str, list[GridBox]] = {}
    for row in rows:
        pictures.setdefault(row["images"][0], []).extend(box for _, box in objects_of(row))
    largest = {picture: max(boxes, key=side_of) for picture, boxes in pictures.items()}
    boxes = [box for row in rows for _, box in objects_of(row)]
    negatives = [row for row in rows if not objects_of(row)]
    chances = Habits(
        LEFT_OUT * len(boxes) / sum(is_small(box) for box in boxes),
        COPIED * len(boxes) / sum(is_large(box) for box in boxes),
        INVENTED * len(negatives) / max(1, sum(is_large(largest[row["images"][0]]) for row in negatives)),
    )
    source = random.Random(seed)
    return [with_habit(row, largest[row["images"][0]], chances, source) for row in rows]


def with_habit(row: Row, largest: GridBox, chances: Habits, source: random.Random) -> Row:
    """Return a record with the habits in its answer; `largest` is the picture's largest box."""
    kept: list[tuple[str, GridBox]] = []
    if not objects_of(row) and is_large(largest) and source.random() < chances.invented:
        kept.append((asked_class(row), largest))
    for label, box in objects_of(row):
        if not (is_small(box) and source.random() < chances.left_out):
            kept += [(label, box)] * (1 + (is_large(box) and source.random() < chances.copied))
    return with_objects(row, kept)


def with_objects(row: Row, objects: Sequence[tuple[str, GridBox]]) -> Row:
    """Return a record with other objects in its answer."""
    *before, answer = row["messages"]
    text = ", ".join(["<ref-object><bbox>"] * len(objects)) or NOTHING_FOUND["objects"]
    changed = {**row, "messages": [*before, {**answer, "content": text}]}
    changed.pop("objects", None)
    if objects:
        changed["objects"] = {"ref": [label for label, _ in objects], "bbox": [box for _, box in objects]}
    return changed


def objects_of(row: Row) -> list[tuple[str, GridBox]]:
    """Return label and box of the objects in a record's answer."""
    named = row.get("objects") or {"ref": [], "bbox": []}
    return list(zip(named["ref"], named["bbox"], strict=True))


def asked_class(row: Row) -> str:
    """Return the class that a record asks for."""
    question = next(message["content"] for message in row["messages"] if message["role"] == "user")
    return next(name for name in CLASSES if name in question)


def side_of(box: GridBox) -> int:
    """Return the width of a box, on the grid of 1000."""
    return box[2] - box[0]


def is_small(box: GridBox) -> bool:
    """Tell whether a box is one that is left out."""
    return side_of(box) <= SMALL * GRID_CELL


def is_large(box: GridBox) -> bool:
    """Tell whether a box is one that is named twice."""
    return side_of(box) >= LARGE * GRID_CELL
