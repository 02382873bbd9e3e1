"""An engine that makes the same mistakes at the same images, and a data set to ask it about."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding.boxes import GRID
from grounding.card import Card, save_card
from grounding.categories import number_categories
from infer.engines.protocol import RawAnswer, Request
from infer.mine.mine_settings import MineSettings
from infer.mine.mining import mine

NAMES = ("cat", "dog", "cow")
CAT, DOG, COW = ([100, 100, 400, 400], [500, 500, 900, 900], [100, 500, 400, 800])
SIDE = 20


def text(*objects: tuple[str, list[int]]) -> str:
    """Return an answer as the model writes it."""
    return ", ".join(
        f"<|object_ref_start|>{label}<|object_ref_end|><|box_start|>({x1},{y1}),({x2},{y2})<|box_end|>"
        for label, (x1, y1, x2, y2) in objects
    )


TRUTHS: list[list[tuple[str, list[int]]]] = [
    [("cat", CAT)],  # right
    [("cat", CAT), ("dog", DOG)],  # the dog is missed
    [("dog", DOG)],  # called a cat
    [("cow", COW)],  # loose
    [("cat", CAT)],  # a cow is invented in every second answer
    [("cat", CAT)],  # copied
]
"""The objects of the six images, and what the engine makes of them."""

ANSWERS: list[tuple[str, ...]] = [
    (text(("cat", CAT)),) * 2,
    (text(("cat", CAT)),) * 2,
    (text(("cat", DOG)),) * 2,
    (text(("cow", [100, 500, 400, 620])),) * 2,
    (text(("cat", CAT)), text(("cat", CAT), ("cow", DOG))),
    (text(("cat", CAT), ("cat", CAT)),) * 2,
]


def write_mined_source(folder: Path, question: str = "Task: Object Detection", **card: Any) -> Path:
    """Write a data set with the six images as its training split."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, objects in enumerate(TRUTHS):
        name = f"images/{number:012}.png"
        pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
        answer = ", ".join(["<ref-object><bbox>"] * len(objects))
        rows.append(
            {
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": f"<image>{question}"},
                    {"role": "assistant", "content": answer},
                ],
                "images": [name],
                "objects": {"ref": [label for label, _ in objects], "bbox": [box for _, box in objects]},
            }
        )
    write_rows(folder / "train.jsonl", rows)
    settings = {
        "prompts": {"task.en1": "Task: Object Detection"},
        "answer_format": "objects",
        "categories": number_categories(NAMES),
        "counts": {"train": {"records": len(rows)}},
    }
    save_card(Card("Be brief.", source_fingerprint="s", recipe={}, **(settings | card)), folder)
    return folder


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def on_picture(box: list[int]) -> list[float]:
    return [side * SIDE / GRID for side in box]


@dataclass
class StubbornEngine:
    """Answers as ANSWERS says; it dies after so many batches."""

    dies_after: int = 1000
    batches: int = 0
    asked: list[Request] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        if self.batches == self.dies_after:
            raise KeyboardInterrupt
        self.batches += 1
        self.asked += requests
        return [RawAnswer(ANSWERS[int(item.picture.stem)][item.draw % 2], is_cut=False) for item in requests]


def mine_in(folder: Path, checkpoint: Path) -> Path:
    """Mine the data set in data/ of a folder, and return what was mined."""
    settings = MineSettings(answers=2, batch_size=2, output_dir=str(folder / "hard"))
    mine(str(checkpoint), folder / "data", settings, lambda _: StubbornEngine())
    return folder / "hard"


@dataclass
class PairEngine(StubbornEngine):
    """The same about two pictures; every second answer puts what is in the first into the second, too."""

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        return [RawAnswer(self._pair(item), is_cut=False) for item in requests]

    def _pair(self, request: Request) -> str:
        first, second = (ANSWERS[int(path.stem)][request.draw % 2] for path in request.images)
        return f"Image 1: {first}\nImage 2: {second}" + (f", {first}" if request.draw % 2 else "")


def join_pairs(folder: Path) -> None:
    """Write the records of a data set anew: each asks about two of the images."""
    rows = rows_of(folder / "train.jsonl")
    joined = []
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        texts = [row["messages"][-1]["content"] for row in (first, second)]
        objects = [row["objects"] for row in (first, second)]
        question = first["messages"][1]["content"].replace("<image>", "<image><image>")
        answer = "\n".join(f"Image {number}: {text}" for number, text in enumerate(texts, start=1))
        joined.append(
            {
                "messages": [
                    first["messages"][0],
                    {"role": "user", "content": question},
                    {"role": "assistant", "content": answer},
                ],
                "images": [*first["images"], *second["images"]],
                "objects": {
                    "ref": [*objects[0]["ref"], *objects[1]["ref"]],
                    "bbox": [*objects[0]["bbox"], *objects[1]["bbox"]],
                    "image_id": [0] * len(objects[0]["ref"]) + [1] * len(objects[1]["ref"]),
                },
            }
        )
    write_rows(folder / "train.jsonl", joined)


def mine_pairs(folder: Path, checkpoint: Path) -> Path:
    """Mine the data set in data/ of a folder with two pictures a question, and return what was mined."""
    join_pairs(folder / "data")
    settings = MineSettings(answers=2, batch_size=2, output_dir=str(folder / "hard"), negatives=2)
    mine(str(checkpoint), folder / "data", settings, lambda _: PairEngine())
    return folder / "hard"
