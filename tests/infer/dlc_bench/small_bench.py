"""A benchmark of four regions in DLC-Bench's layout, a model that describes them, and a judge."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from infer.engines.protocol import RawAnswer, Request

WIDTH, HEIGHT = 40, 30

NAMES = {"11": "dog", "12": "apple", "13": "scissors", "21": "bus"}

DESCRIPTIONS = {
    "11": "A **brown** dog\nwith a red collar.",
    "12": "A green apple.",
    "13": "A pair of spoons.",
    "21": "",
}
"""What the model says; the words of the third are not of the right kind."""


def question(kind: str, *choices: tuple[str, float]) -> dict[str, Any]:
    text = "Which of the following is applicable to the description?"
    return {"question": text, "choices": [list(choice) for choice in choices], "type": kind}


COLOUR = question("positive", ("It is not mentioned.", 0), ("It is brown.", 1), ("It is not brown.", -1))
PART = question("positive", ("No collar.", 0), ("A collar of some colour.", 0.5), ("A red collar.", 1))
HAT = question("negative", ("The hat is not mentioned.", 1), ("The hat is mentioned.", -1))

QUESTIONS = {"11": [COLOUR, PART, HAT], "12": [COLOUR, HAT], "13": [COLOUR, PART, HAT], "21": [COLOUR]}

ANSWERS = {
    "11": ["A. Yes", "B. It is brown.", "b", "The hat is not mentioned."],
    "12": ["yes", "C. It is not brown.", "A. The hat is not mentioned."],
    "13": ["B. No", "B. It is brown.", "I cannot say", "B"],
    "21": ["No.", "A."],
}
"""The judge's answers: recognition, then the questions."""

POSITIVE = {"11": (1 + 0.5) / 2, "12": -1, "13": 0, "21": 0}
NEGATIVE = {"11": 1, "12": 1, "13": -1}
"""Counted by hand: the third and the fourth are not recognised, so that they have no points above 0."""


def write_bench(folder: Path) -> Path:
    """Write the four files; the fifth annotation has no questions and is not scored."""
    (folder / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        pixels = generator.integers(0, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / name)
    images = [
        {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for number, name in ((1, "a.png"), (2, "b.png"))
    ]
    annotations = []
    for key in (*map(int, NAMES), 22):
        left = key % 10 * 5
        outline = [left, 5, left + 10, 5, left + 10, 20]  # a triangle in its box
        annotations.append(
            {
                "id": key,
                "image_id": key // 10,
                "category_id": 1,
                "bbox": [left, 5, 10, 15],
                "segmentation": [outline],
                "area": 75,
                "iscrowd": 0,
            }
        )
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    for name, value in (("annotations", content), ("qa", QUESTIONS), ("class_names", NAMES)):
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return folder


@dataclass
class DescribingEngine:
    """Says DESCRIPTIONS, by the name of the picture that shows the region."""

    dies_after: int = 1000
    asked: list[Request] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        if len(self.asked) >= self.dies_after:
            raise KeyboardInterrupt
        self.asked += requests
        return [RawAnswer(DESCRIPTIONS[one.picture.stem.split("_")[-1]], is_cut=False) for one in requests]


def judged(request: Request) -> RawAnswer:
    """Answer as the judge does: by the description in the prompt, and the question."""
    said = request.user.split("The description is:\n")[1].split("\n\nFrom the description above")[0]
    by_words = {" ".join(text.replace("*", "").split()): key for key, text in DESCRIPTIONS.items()}
    key = by_words[said]
    if "Is it likely" in request.user:
        return RawAnswer(ANSWERS[key][0], is_cut=False)
    choices = [[choice for choice, _ in one["choices"]] for one in QUESTIONS[key]]
    (place,) = [n for n, texts in enumerate(choices) if all(text in request.user for text in texts)]
    return RawAnswer(ANSWERS[key][place + 1], is_cut=False)
