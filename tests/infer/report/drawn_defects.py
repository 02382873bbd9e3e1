"""Drawn parts with scratches and stains, a data set of such, and an engine that sees them."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size
from grounding.card import Card, save_card
from grounding.categories import number_categories
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection
from infer.engines.protocol import RawAnswer, Request, Token
from infer.report.judging_pictures import Provenance

LABELS = ("scratch", "stain")
SIZE = Size(100, 80)
QUESTION = "Task: Object Detection"

PROVENANCE = Provenance(
    {"name": "m", "fingerprint": "none", "score": "min_prob"},
    {"dataset": "d", "source_fingerprint": "s", "answer_format": "objects", "version": 2},
)
Drawn = tuple[str, tuple[int, int, int, int], float]
"""Label, box in pixels, and how sure the engine is of it."""

RULES = """fails_from: major
places:
  seal: [0.0, 0.0, 0.5, 1.0]
rules:
  - name: scratch on the seal
    label: scratch
    place: seal
    severity: critical
    suggestion: Stop the line.
  - name: large stain
    label: stain
    area_share: {from: 0.1}
    severity: major
    suggestion: Clean it.
otherwise:
  severity: minor
"""


def draw_part(path: Path, defects: Sequence[Drawn] = ()) -> Path:
    """Draw a white part; the colour of a defect tells label and sureness."""
    picture = Image.new("RGB", (SIZE.width, SIZE.height), (255, 255, 255))
    draw = ImageDraw.Draw(picture)
    for label, (x1, y1, x2, y2), sure in defects:
        value = round(250 * sure)
        color = (value, 0, 0) if label == LABELS[0] else (0, 0, value)
        draw.rectangle((x1, y1, x2 - 1, y2 - 1), fill=color)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, "PNG")
    return path


def write_parts(folder: Path, parts: Sequence[Sequence[Drawn]]) -> Path:
    """Write a data set of drawn parts whose annotations are the defects drawn on them."""
    images, annotations, lines = [], [], []
    for number, defects in enumerate(parts, start=1):
        name = f"images/{number:06}.png"
        draw_part(folder / name, defects)
        images.append({"id": number, "file_name": name, "width": SIZE.width, "height": SIZE.height})
        for label, (x1, y1, x2, y2), _ in defects:
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": LABELS.index(label) + 1,
                 "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            )  # fmt: skip
        messages = [
            {"role": "user", "content": f"<image>{QUESTION}"},
            {"role": "assistant", "content": "none"},
        ]
        lines.append(json.dumps({"messages": messages, "images": [name]}) + "\n")
    categories = number_categories(list(LABELS))
    card = Card("Be brief.", {"task.en1": QUESTION}, "objects", categories, "source", {}, {})
    save_card(card, folder)
    (folder / "val.jsonl").write_text("".join(lines), encoding="utf-8")
    content = {"images": images, "annotations": annotations,
               "categories": [{"id": item.id, "name": item.name} for item in categories]}  # fmt: skip
    (folder / "annotations_val.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@dataclass
class SeeingEngine:
    """Finds the drawn defects; `log` gets the name of each picture that it is asked about."""

    log: Path | None = None
    delay: float = 0.0
    asked: list[Request] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                file.write("".join(f"{request.picture.name}\n" for request in requests))
        time.sleep(self.delay)
        return [self._answer(request) for request in requests]

    @staticmethod
    def _answer(request: Request) -> RawAnswer:
        with Image.open(request.picture) as image:
            pixels = np.asarray(image.convert("RGB"))
        found = [tuple(int(value) for value in color) for color in np.unique(pixels.reshape(-1, 3), axis=0)]
        tokens: list[Token] = []
        for color in found:
            if color == (255, 255, 255):
                continue
            rows, columns = np.nonzero((pixels == color).all(-1))
            box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            label, sure = (LABELS[0], color[0]) if color[0] else (LABELS[1], color[2])
            text = read_out(Detection(label, box))
            tokens += [Token(letter, math.log(sure / 250)) for letter in ("; " if tokens else "") + text]
        if not tokens:
            return RawAnswer("none", is_cut=False, tokens=(Token("none", 0.0),))
        return RawAnswer("".join(token.text for token in tokens), is_cut=False, tokens=tuple(tokens))


def read_out(found: Detection) -> str:
    """Return the text of an answer about one defect."""
    answer = write_answer("objects", [found], SIZE)
    return fill_placeholders([answer.content], answer.objects)[0]
