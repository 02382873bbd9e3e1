"""An engine that is wrong as often as its first digits are doubtful, and a data set to ask it about."""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding.card import Card, save_card
from grounding.categories import number_categories
from infer.engines.protocol import RawAnswer, Request, Token

LABEL = "cat"
QUESTION = "<image>Task: Object Detection"


def write_doubtful_dataset(
    folder: Path, counts: dict[str, int], first: int = 1, answer_format: str = "objects"
) -> Path:
    """Write a data set of noisy pictures with one object each; the same number gives the same picture."""
    (folder / "images").mkdir(parents=True)
    card = Card("", {"task.en1": "Task: Object Detection"}, answer_format, number_categories([LABEL]),
                "source", {}, {split: {"images": count} for split, count in counts.items()})  # fmt: skip
    save_card(card, folder)
    number = first
    for split, count in counts.items():
        names = [write_picture(folder, number + place) for place in range(count)]
        write_split(folder, split, names)
        number += count
    return folder


def write_picture(folder: Path, number: int) -> str:
    """Write a picture of 10 x 10 pixels that depends on its number, and return its place."""
    pixels = np.random.default_rng(number).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    name = f"images/{number:012}.png"
    Image.fromarray(pixels).save(folder / name)
    return name


def write_split(folder: Path, split: str, names: Sequence[str]) -> None:
    """Write records and annotations of pictures, whose object is where their number says."""
    answer = {"role": "assistant", "content": "<ref-object><bbox>"}
    rows: list[dict[str, Any]] = [
        {
            "messages": [{"role": "user", "content": QUESTION}, answer],
            "images": [name],
            "objects": {"ref": [LABEL], "bbox": [[true_start(name), 200, true_start(name) + 400, 600]]},
        }
        for name in names
    ]
    (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    ids = [int(Path(name).stem) for name in names]
    content = {
        "images": [
            {"id": number, "file_name": name, "width": 10, "height": 10}
            for number, name in zip(ids, names, strict=True)
        ],
        "annotations": [
            {"id": place, "image_id": number, "category_id": 1, "area": 16, "iscrowd": 0}
            | {"bbox": [true_start(name) // 100, 2, 4, 4]}
            for place, (number, name) in enumerate(zip(ids, names, strict=True), start=1)
        ],
        "categories": [{"id": 1, "name": LABEL}],
    }
    if split != "train":
        (folder / f"annotations_{split}.json").write_text(json.dumps(content), encoding="utf-8")


def true_start(name: str) -> int:
    """Return x1 of the object in a picture, on the grid."""
    return (200, 500)[int(Path(name).stem) % 2]


@dataclass
class DoubtfulEngine:
    """Answers with one box, which is right with the chance of its first digit; `certainty` replaces it."""

    certainty: float | None = None
    asked: list[Request] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> RawAnswer:
        chance = random.Random(request.picture.stem)
        sure = 0.05 + 0.9 * chance.random() if self.certainty is None else self.certainty
        is_right = chance.random() < sure
        truth = true_start(request.picture.name)
        x1 = truth if is_right else 700 - truth
        text = f"{LABEL}({x1},200),({x1 + 400},600)"
        place = text.index(str(x1))
        other = "5" if x1 == 200 else "2"
        tokens = []
        for number, character in enumerate(text):
            likely = {character: sure, other: 1 - sure} if number == place else {character: 1.0}
            listed = tuple((name, math.log(max(p, 1e-9))) for name, p in likely.items())
            tokens.append(Token(character, listed[0][1], alternatives=listed[: request.alternatives]))
        return RawAnswer(text, is_cut=False, tokens=tuple(tokens))
