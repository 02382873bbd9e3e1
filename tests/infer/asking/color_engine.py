"""An engine that sees rectangles of known colours in its pictures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from grounding.answers.asked import Asked
from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size, iou
from grounding.samples import Detection
from infer.engines.protocol import RawAnswer, Request, Token

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
SIZE = Size(400, 300)
SMALL, LARGE = Detection("red", Box(20, 30, 32, 40)), Detection("green", Box(150, 100, 350, 280))

SMALLER = Size(100, 200)
ELSEWHERE = Detection("green", Box(10, 20, 60, 100))
"""What the first picture of a question with two has; the second has the two above."""


@dataclass
class ColorEngine:
    """Finds the colours that the question names, or all, if they cover at least `least` of the picture.

    `lies` are detections to add to the answer about all colours, by the number of the draw.
    """

    least: float = 0.0
    lies: dict[int, list[Detection]] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.batches.append(len(requests))
        self.requests += requests
        return [RawAnswer(self._answer(request), is_cut=False) for request in requests]

    def _answer(self, request: Request) -> str:
        named = [name for name in COLORS if re.search(rf"\b{name}\b", request.user)] or list(COLORS)
        found = list(self.lies.get(request.draw, [])) if len(named) == len(COLORS) else []
        sizes = []
        for place, path in enumerate(request.images):
            with Image.open(path) as image:
                pixels = np.asarray(image)
                sizes.append(Size(*image.size))
            for name in named:
                rows, columns = np.nonzero((pixels == COLORS[name]).all(-1))
                if len(rows) >= max(1, self.least * pixels.shape[0] * pixels.shape[1]):
                    box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                    found.append(Detection(name, box, picture=place))
        return write_answer("json", found, Asked(tuple(sizes))).content


@dataclass
class TokenEngine(ColorEngine):
    """Answers with a token for each character, which is less sure the later it comes."""

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        return [
            RawAnswer(answer.text, is_cut=False, tokens=tuple(map(self._token, enumerate(answer.text))))
            for answer in super().answer(requests)
        ]

    @staticmethod
    def _token(placed: tuple[int, str]) -> Token:
        logprob = -placed[0] / 500
        return Token(placed[1], logprob, alternatives=((placed[1], logprob), ("7", -3.0)))


def ious(detections: Sequence[Detection], wanted: Detection) -> list[float]:
    """Return the IoU of each detection with the wanted label."""
    return [iou(item.box, wanted.box) for item in detections if item.label == wanted.label]
