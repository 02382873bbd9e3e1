"""Records about two drawn pictures of several sizes, as they are written by hand."""

import json
import random
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.train.conftest import COLOURS

SIZES = ((64, 64), (96, 64), (48, 80), (128, 32))
TASK = "Task: Object Detection"
IN_ONE_TURN = ("<image><image>" + TASK, "Image 1: <image>\nImage 2: <image>\n" + TASK)
BOTH = "Image 1: <ref-object><bbox>\nImage 2: <ref-object><bbox>"


def write_two_pictures(folder: Path, **counts: int) -> Path:
    """Write SPLIT.jsonl with records about two pictures; every third one shows them in two turns."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for split, count in (counts or {"train": 12, "val": 4}).items():
        rows = [two_pictures(folder, split, number) for number in range(count)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return folder


def write_pairs_about_two(folder: Path, count: int) -> Path:
    """Write train.jsonl with pairs, train_chosen.jsonl and train_rejected.jsonl with records.

    A pair has the records' questions; the rejected answer has smaller boxes.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    files: dict[str, list[dict[str, Any]]] = {"train": [], "train_chosen": [], "train_rejected": []}
    for number in range(count):
        row = two_pictures(folder, "train", number)
        *question, answer = row["messages"]
        before = sum(message["content"].count("<bbox>") for message in question)
        labels, boxes = row["objects"]["ref"], row["objects"]["bbox"]
        worse = [[x1, y1, (x1 + x2) // 2, (y1 + y2) // 2] for x1, y1, x2, y2 in boxes[before:]]
        shared = {"images": row["images"]}
        pictures = row["objects"]["image_id"]
        objects = {"ref": labels + labels[before:], "bbox": boxes + worse}
        objects["image_id"] = pictures + pictures[before:]
        own = row["objects"] | {"bbox": boxes[:before] + worse}
        files["train"].append(
            shared
            | {"messages": question, "chosen_response": [answer], "rejected_response": [answer]}
            | {"objects": objects}
        )
        learned = {"label": [0, 1]} if len(question) > 2 else {}
        files["train_chosen"].append(row | learned)
        files["train_rejected"].append(row | {"objects": own} | learned)
    for name, rows in files.items():
        text = "".join(json.dumps(each) + "\n" for each in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def two_pictures(folder: Path, split: str, number: int) -> dict[str, Any]:
    """Draw two pictures with a square each, and return the record about them."""
    chance = random.Random(f"{split} {number}")
    names = [f"images/{split}_{number}_{place}.png" for place in range(2)]
    drawn = [_draw(folder / name, chance) for name in names]
    system = {"role": "system", "content": "You are a helpful assistant."}
    if number % 3 == 2:
        turns = [("user", f"<image>{TASK}"), ("assistant", "<ref-object><bbox>")]
        turns += [("user", f"<image>{TASK}"), ("assistant", "Image 2: <ref-object><bbox>")]
    else:
        turns = [("user", IN_ONE_TURN[number % 3]), ("assistant", BOTH)]
    return {
        "messages": [system, *({"role": role, "content": text} for role, text in turns)],
        "images": names,
        "objects": {
            "ref": [label for label, _ in drawn],
            "bbox": [box for _, box in drawn],
            "image_id": [0, 1],
        },
    }


def _draw(path: Path, chance: random.Random) -> tuple[str, list[int]]:
    """Draw a square, and return its label and its box on the grid."""
    width, height = chance.choice(SIZES)
    colour, side = chance.choice(sorted(COLOURS)), chance.choice((8, 16, 24))
    x, y = chance.randrange(0, width - side, 8), chance.randrange(0, height - side, 8)
    image = Image.new("RGB", (width, height), (128, 128, 128))
    ImageDraw.Draw(image).rectangle((x, y, x + side - 1, y + side - 1), fill=COLOURS[colour])
    image.save(path)
    box = [x * 1000 // width, y * 1000 // height, (x + side) * 1000 // width, (y + side) * 1000 // height]
    return f"{colour} square", box
