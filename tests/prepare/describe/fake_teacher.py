"""A server that plays both parts: it describes the region that it sees lit, and grounds what was described.

It sees what was sent, and nothing else: where the region is, it finds by the white line in the picture.
"""

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding.boxes import Box, Size, to_grid
from infer.engines.protocol import RawAnswer
from prepare.export.dataset_reading import true_data
from tests.infer.engines.openai.chat_server import ChatServer

VERTICAL = {"en": ("upper", "lower"), "zh": ("上", "下")}
HORIZONTAL = {"en": ("left", "right"), "zh": ("左", "右")}
CHINESE = {
    "red square": "红色正方形",
    "green circle": "绿色圆形",
    "blue triangle": "蓝色三角形",
    "yellow diamond": "黄色菱形",
}

QUESTION_TOKENS, ANSWER_TOKENS = 100, 7
"""What the server counts for each question and each answer."""


@dataclass(frozen=True)
class SeenRegion:
    """What a question about a region shows: its label, its place, and the sample that is asked for."""

    label: str
    language: str
    right: bool
    below: bool
    sample: int


def name_region(seen: SeenRegion) -> str:
    """Return a description that names one object, as objects of an image have different labels."""
    vertical, horizontal = (
        VERTICAL[seen.language][seen.below],
        HORIZONTAL[seen.language][seen.right],
    )
    if seen.language == "zh":
        return f"图片{horizontal}{vertical}方的{CHINESE[seen.label]}"
    return f"the {seen.label} in the {vertical} {horizontal} part" + " of the picture" * seen.sample


class FakeTeacher(ChatServer):
    """Describes and grounds the objects of a data set; `describe` and `ground` can be replaced."""

    def __init__(self, folder: Path, dataset: Path) -> None:
        super().__init__(folder, lambda request: RawAnswer("", False), models=("teacher", "checker"))
        self.describe: Callable[[SeenRegion], str] = name_region
        self.ground: Callable[[str, str], str] = self.find
        self.counts_tokens = True
        self.seeds: list[int] = []
        self.questions: Counter[str] = Counter()
        self.guard = threading.Lock()
        self.objects: dict[str, tuple[Size, list[tuple[str, Box]]]] = {}
        for images in true_data(dataset).images.values():
            for image in images:
                content = (dataset / "images" / image.name).read_bytes()
                objects = [(item.label, item.box) for item in image.objects]
                self.objects[hashlib.sha256(content).hexdigest()] = image.size, objects

    def completion(self, body: dict[str, Any], answer: RawAnswer) -> dict[str, Any]:
        request = self.request_in(body)
        expression = re.search(r'description "(.*)" in the image|符合描述“(.*)”的每个', request.user)
        if expression:
            text = self.ground(request.picture.stem, expression[1] or expression[2])
        else:
            text = self.describe(self.look(request.picture, request.user, body.get("seed", 0)))
        with self.guard:
            self.seeds.append(body.get("seed", -1))
            self.questions[f"{request.picture.stem} {request.user} {body.get('seed')}"] += 1
        content = super().completion(body, RawAnswer(text, False))
        if self.counts_tokens:
            content["usage"] = {"prompt_tokens": QUESTION_TOKENS, "completion_tokens": ANSWER_TOKENS}
        return content

    def look(self, picture: Path, question: str, seed: int) -> SeenRegion:
        """Find the region by the white line around it: everything outside of it is dark."""
        pixels = np.asarray(Image.open(picture).convert("RGB")).min(axis=2)
        rows, columns = np.nonzero(pixels > 190)
        label = re.search(r'labelled "(.*?)"|标签是“(.*?)”', question)
        assert label is not None
        return SeenRegion(
            label[1] or label[2],
            "zh" if label[2] else "en",
            bool(columns.min() + columns.max() > pixels.shape[1]),
            bool(rows.min() + rows.max() > pixels.shape[0]),
            seed,
        )

    def find(self, digest: str, expression: str) -> str:
        """Return the boxes of the objects that an expression names, as JSON on the 0..1000 grid."""
        size, objects = self.objects[digest]
        found = [
            json.dumps({"bbox_2d": to_grid(box, size), "label": "thing"})
            for label, box in objects
            if label in expression or CHINESE[label] in expression
        ]
        return f"[{', '.join(found)}]"
