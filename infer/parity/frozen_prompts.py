"""The frozen questions: 16 drawn pictures with four questions each, the same on every machine.

The pictures have noise, so that every filter of a resize gives other pixels. Some fit into whole vision
tokens and are not resized by most models, others are, and the largest are above most limits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.answers.asked import Asked, as_asked
from grounding.boxes import Size
from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.protocol import Request

SIZES = (
    *((64, 64), (96, 64), (64, 128), (192, 128), (256, 256), (320, 256), (512, 384), (640, 480)),
    *((50, 70), (100, 75), (200, 150), (333, 500), (500, 375), (640, 427), (1000, 300), (1024, 768)),
)  # fmt: skip
"""Width and height of the pictures; those of the first line are multiples of 32."""

QUESTIONS = (
    ("", "Task: Object Detection"),
    ("You are a helpful assistant.", "Task: Object Detection"),
    (
        "",
        "Locate every instance that belongs to the following categories: 'red square, green circle, "
        "blue triangle'. Report bbox coordinates in JSON format.",
    ),
    ("", "找出图片里的每个物体,并给出边界框。"),
)
"""System message ("" for none) and question."""

GROUND, NOISE = 128, 40
COLOURS = ((214, 39, 40), (44, 160, 44), (31, 90, 200))
OBJECTS = 3


@dataclass(frozen=True)
class AskedPrompt:
    """A question that every engine is asked, and the pictures that its boxes are about, or the only size."""

    request: Request
    about: Size | Asked

    @property
    def asked(self) -> Asked:
        """The pictures that its boxes are about."""
        return as_asked(self.about)

    @property
    def size(self) -> Size:
        """The size of the first picture."""
        return self.asked.sizes[0]


def frozen_prompts(folder: Path, count: int, pictures: int = 1) -> list[AskedPrompt]:
    """Draw the pictures into a folder, and return the first questions, on each picture in turn.

    With several `pictures`, a question shows so many at its beginning: a picture and those after it.
    """
    from PIL import Image

    paths = []
    for number, (width, height) in enumerate(SIZES):
        paths.append(folder / f"{number:02}_{width}x{height}.png")
        Image.fromarray(draw_picture(number)).save(paths[-1])
    return list(_prompts(paths, pictures))[:count]


def _prompts(paths: list[Path], pictures: int) -> Iterator[AskedPrompt]:
    for system, question in QUESTIONS:
        for first in range(len(paths)):
            shown = [number % len(paths) for number in range(first, first + pictures)]
            images = tuple(paths[number] for number in shown)
            request = Request(images, system, f"{IMAGE_PLACEHOLDER * pictures}{question}")
            yield AskedPrompt(request, Asked(tuple(Size(*SIZES[number]) for number in shown)))


def draw_picture(number: int) -> Any:
    """Return a picture as (height, width, 3) bytes: a square, a circle and a triangle on noise."""
    import numpy as np

    width, height = SIZES[number]
    # The generator's raw numbers are the same in every version of numpy, unlike its distributions.
    raw = np.random.PCG64(number).random_raw(width * height * 3 + 3 * OBJECTS)
    values = (raw >> np.uint64(40)).astype(np.int64)
    noise = values[3 * OBJECTS :].reshape(height, width, 3) % (2 * NOISE + 1) - NOISE
    picture = GROUND + noise
    rows, columns = np.indices((height, width))
    for kind, colour in enumerate(COLOURS):
        side, left, top = (int(value) for value in values[3 * kind : 3 * kind + 3])
        side = min(width, height) // 5 + side % (min(width, height) // 5)
        across, down = columns - left % (width - side), rows - top % (height - side)
        inside = (across >= 0) & (across < side) & (down >= 0) & (down < side)
        if kind == 1:
            inside &= (2 * across - side) ** 2 + (2 * down - side) ** 2 <= side**2
        if kind == 2:
            inside &= np.abs(2 * across - side) <= down
        picture[inside] = np.array(colour) + noise[inside] // 4
    return picture.clip(0, 255).astype(np.uint8)
