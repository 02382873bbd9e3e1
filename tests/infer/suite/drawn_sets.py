"""Small data sets in the layout of Roboflow exports, and an engine that answers from a script."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from infer.engines.protocol import RawAnswer, Request
from prepare.each import main as prepare_each

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "recipes" / "prepare" / "roboflow.yaml"
WIDTH, HEIGHT = 50, 40
LABELS = ("cat", "dog", "gnu")


def write_exports(folder: Path, count: int, seed: int = 0) -> Path:
    """Write `count` folders with test/_annotations.coco.json, 3 to 6 images each, the first empty."""
    draw = random.Random(seed)
    for number in range(count):
        place = folder / f"set{number:02}" / "test"
        place.mkdir(parents=True)
        images = range(draw.randint(3, 6))
        labels = LABELS[: draw.randint(1, 3)]
        group = "animals" if number % 2 else labels[0]  # exports of Roboflow begin with a group, of any name
        for name in images:
            pixels = np.full((HEIGHT, WIDTH, 3), (number * 9, name * 30, 77), np.uint8)
            Image.fromarray(pixels).save(place / f"{name}.png")
        boxes = [
            (name, draw.randint(1, len(labels)), [draw.randint(0, 20), draw.randint(0, 15), *draw_size(draw)])
            for name in images[1:]
            for _ in range(draw.randint(1, 4))
        ]
        content = {
            "images": [
                {"id": name, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT} for name in images
            ],
            "annotations": [
                {"id": box_id, "image_id": name, "category_id": category, "bbox": box, "iscrowd": 0}
                | {"area": box[2] * box[3]}
                for box_id, (name, category, box) in enumerate(boxes, start=1)  # pycocotools: 0 is unmatched
            ],
            "categories": [
                {"id": 0, "name": group, "supercategory": "none"},
                *(
                    {"id": n, "name": label, "supercategory": group}
                    for n, label in enumerate(labels, start=1)
                ),
            ],
        }
        (place / "_annotations.coco.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def draw_size(draw: random.Random) -> list[int]:
    return [draw.randint(8, 25), draw.randint(8, 20)]


def write_sets(folder: Path, count: int) -> Path:
    """Prepare `count` exports, and return the folder of the prepared data sets."""
    exports = write_exports(folder / "exports", count)
    words = [str(RECIPE), f"source.path={exports}", f"output_dir={folder / 'prepared'}"]
    assert prepare_each(words) == 0
    return folder / "prepared"


class ScriptedEngine:
    """Answers with drawn boxes, the same for the same question, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        return [RawAnswer(drawn_answer(request), is_cut=False) for request in requests]


def drawn_answer(request: Request) -> str:
    draw = random.Random(f"{request.picture.parent.parent.name}/{request.picture.name}/{request.user}")
    named = [label for label in LABELS if label in request.user]
    found: list[dict[str, Any]] = []
    for _ in range(draw.randint(0, 8)):
        x, y = draw.randint(0, 500), draw.randint(0, 500)
        box = [x, y, x + draw.randint(150, 480), y + draw.randint(200, 490)]
        found.append(
            {"bbox_2d": box, "label": draw.choice(named), "confidence": round(draw.uniform(0.01, 0.99), 6)}
        )
    return json.dumps(found)
