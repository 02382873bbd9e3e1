"""Pictures of coloured rectangles, and a recipe to ask about them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.card import Card, save_card
from grounding.categories import number_categories
from infer.asking.dataset_questions import AskedPicture, Question
from infer.engines.protocol import Request
from infer.recipe import InferRecipe
from tests.infer.asking.color_engine import COLORS, ELSEWHERE, LARGE, SIZE, SMALL, SMALLER


@pytest.fixture
def recipe(tmp_path: Path) -> InferRecipe:
    card = Card(
        "",
        {"task.en1": "Task: Object Detection"},
        "objects",
        number_categories(list(COLORS)),
        "none",
        {},
        {},
    )
    save_card(card, tmp_path)
    return InferRecipe(checkpoint="", dataset=str(tmp_path), output_dir="", batch_size=4)


@pytest.fixture
def questions(tmp_path: Path) -> list[Question]:
    """Two pictures: one with a small red and a large green rectangle, one with nothing."""
    made = []
    for number, objects in enumerate(((SMALL, LARGE), ())):
        pixels = np.full((SIZE.height, SIZE.width, 3), 128, np.uint8)
        for item in objects:
            x1, y1, x2, y2 = map(int, item.box.xyxy)
            pixels[y1:y2, x1:x2] = COLORS[item.label]
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        made.append(
            Question.of_one(number, path.name, SIZE, Request((path,), "", "<image>Task: Object Detection"))
        )
    return made


@pytest.fixture
def pair(tmp_path: Path) -> Question:
    """A question about two pictures of different sizes: ELSEWHERE is in one, SMALL and LARGE in the other."""
    pictures = []
    for number, (size, objects) in enumerate(((SMALLER, (ELSEWHERE,)), (SIZE, (SMALL, LARGE))), start=5):
        pixels = np.full((size.height, size.width, 3), 128, np.uint8)
        for item in objects:
            x1, y1, x2, y2 = map(int, item.box.xyxy)
            pixels[y1:y2, x1:x2] = COLORS[item.label]
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        pictures.append(AskedPicture(number, f"{number}.png", size))
    files = tuple(tmp_path / picture.image for picture in pictures)
    text = "Image 1: <image>\nImage 2: <image>\nTask: Object Detection"
    return Question(tuple(pictures), Request(files, "", text))
