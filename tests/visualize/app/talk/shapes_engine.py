"""An engine that knows a picture of two shapes: it names what is lit, and finds what is named."""

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from infer.engines.live_answers import Listener
from infer.engines.protocol import RawAnswer, Request
from tests.visualize.app.app_engine import BOX, SIZE

GREY = (90, 90, 90)
SHAPES: Mapping[str, tuple[tuple[int, int, int], tuple[int, int, int, int]]] = {
    "red square": ((214, 39, 40), tuple(map(int, BOX))),  # type: ignore[dict-item]
    "blue square": ((31, 60, 220), (130, 40, 180, 90)),
}
"""The colour of each shape, and its box in pixels."""

PATIENCE = 120.0
"""Seconds after which a test that hangs fails."""


def write_shapes(path: Path, red: int = 214) -> Path:
    """Write a grey picture of SIZE with the shapes; `red` tells pictures of several visitors apart."""
    image = Image.new("RGB", SIZE, GREY)
    for colour, box in SHAPES.values():
        image.paste((red, *colour[1:]) if colour[0] == 214 else colour, box)
    image.save(path)
    return path


def mask_of(*names: str) -> np.ndarray:
    """Return the pixels of shapes, of shape (height, width)."""
    mask = np.zeros((SIZE[1], SIZE[0]), dtype=np.bool_)
    for name in names:
        x1, y1, x2, y2 = SHAPES[name][1]
        mask[y1:y2, x1:x2] = True
    return mask


class KnownShapes:
    """Describes what the spotlight leaves bright, and finds the shapes that a question names.

    It waits for `go` after the first words of a description.
    """

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.asked: list[Request] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        return [RawAnswer(self.say(request), is_cut=False) for request in requests]

    def answer_live(
        self, requests: Sequence[Request], listeners: Sequence[Listener | None]
    ) -> list[RawAnswer]:
        answers = self.answer(requests)
        for request, answer, hear in zip(requests, answers, listeners, strict=True):
            for number, word in enumerate(re.findall(r"\S+ ?", answer.text)):
                if number == 2 and not request.history:
                    assert self.go.wait(PATIENCE)
                if hear is not None:
                    hear(word)
        return answers

    def say(self, request: Request) -> str:
        self.asked.append(request)
        with Image.open(request.picture) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        if "outline" in request.user:
            lit = [f"{name} of {red}" for name, red in lit_shapes(pixels)]
            return f"I see a {' and a '.join(lit)}"
        return "".join(named(name) for name in SHAPES if name in request.user)


def lit_shapes(pixels: np.ndarray) -> list[tuple[str, int]]:
    """Return the shapes that are bright in a picture, each with its amount of red."""
    found = []
    for name, (colour, (x1, y1, x2, y2)) in SHAPES.items():
        middle = pixels[(y1 + y2) // 2, (x1 + x2) // 2]
        if abs(middle[2] - colour[2]) < 5:  # blue is that of the shape, and not half of it
            found.append((name, int(middle[0])))
    return found


def named(name: str) -> str:
    """Return a shape as models name objects."""
    x1, y1, x2, y2 = SHAPES[name][1]
    box = f"({x1 * 5},{y1 * 10}),({x2 * 5},{y2 * 10})"
    return f"<|object_ref_start|>{name}<|object_ref_end|><|box_start|>{box}<|box_end|>"
