"""Pairs of answers about drawn pictures of several sizes, and the same questions with one answer."""

import json
import random
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.train.conftest import COLOURS

WIDTHS = (64, 96, 80)


def write_pairs(folder: Path, **counts: int) -> Path:
    """Write SPLIT.jsonl with pairs, SPLIT_chosen.jsonl and SPLIT_rejected.jsonl with records.

    The chosen answer names the square of a picture, the rejected one two others, all by placeholders.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for split, count in (counts or {"train": 24, "val": 4}).items():
        rows = [_draw(folder, split, number) for number in range(count)]
        for name, part in zip(
            (split, f"{split}_chosen", f"{split}_rejected"), zip(*rows, strict=True), strict=True
        ):
            lines = "".join(json.dumps(row) + "\n" for row in part)
            (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return folder


def _draw(folder: Path, split: str, number: int) -> tuple[dict[str, Any], ...]:
    """Return the pair, the record of its chosen answer, and that of its rejected one."""
    chance = random.Random(f"{split} {number}")
    colour, width = chance.choice(sorted(COLOURS)), WIDTHS[number % len(WIDTHS)]
    side, x, y = chance.randint(2, 4) * 8, chance.randint(0, 4) * 8, chance.randint(0, 4) * 8
    image = Image.new("RGB", (width, 64), (128, 128, 128))
    ImageDraw.Draw(image).rectangle((x, y, x + side - 1, y + side - 1), fill=COLOURS[colour])
    name = f"images/{split}_{number}.png"
    image.save(folder / name)
    box = [round(x * 1000 / width), round(y * 1000 / 64)]
    box += [round((x + side) * 1000 / width), round((y + side) * 1000 / 64)]
    others = [[value // 2 for value in box], [value // 3 for value in box]]
    question = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "<image>Task: Object Detection"},
    ]
    chosen, rejected = ({"role": "assistant", "content": "<ref-object><bbox>" * times} for times in (1, 2))
    label = f"{colour} square"
    shared = {"images": [name]}
    return (
        shared
        | {"messages": question, "chosen_response": [chosen], "rejected_response": [rejected]}
        | {"objects": {"ref": [label] * 3, "bbox": [box, *others]}},
        shared | {"messages": [*question, chosen], "objects": {"ref": [label], "bbox": [box]}},
        shared | {"messages": [*question, rejected], "objects": {"ref": [label] * 2, "bbox": others}},
    )
