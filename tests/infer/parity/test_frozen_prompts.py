"""The frozen questions stay as they are: answers of today can be compared with those of next year."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from grounding.markup import IMAGE_PLACEHOLDER
from infer.parity.frozen_prompts import QUESTIONS, SIZES, draw_picture, frozen_prompts

DIGEST = "d77fd37cd46fb94e2463cba5f75fe353202ebf8e5e5d565f81eda23052c70d59"


def test_they_are_frozen() -> None:
    digest = hashlib.sha256()
    for number in range(len(SIZES)):
        digest.update(draw_picture(number).tobytes())
    digest.update(repr(QUESTIONS).encode())
    assert digest.hexdigest() == DIGEST


def test_there_are_64_and_the_first_ask_about_every_picture(tmp_path: Path) -> None:
    asked = frozen_prompts(tmp_path, 64)
    assert len({(each.request.picture, each.request.system, each.request.user) for each in asked}) == 64
    assert len({each.size for each in asked[:16]}) == 16
    for each in asked[:16]:
        with Image.open(each.request.picture) as image:
            assert image.size == (each.size.width, each.size.height)
        assert each.request.user.startswith(IMAGE_PLACEHOLDER)


def test_questions_can_show_several_pictures(tmp_path: Path) -> None:
    asked = frozen_prompts(tmp_path, 64, pictures=3)
    assert len({(each.request.images, each.request.system, each.request.user) for each in asked}) == 64
    for each in asked:
        assert each.request.user.startswith(IMAGE_PLACEHOLDER * 3)
        assert len(set(each.asked.sizes)) == 3
        for file, size in zip(each.request.images, each.asked.sizes, strict=True):
            assert file.name.endswith(f"_{size.width}x{size.height}.png")


def test_pictures_have_noise_and_shapes() -> None:
    for number in range(len(SIZES)):
        picture = draw_picture(number).astype(int)
        assert np.abs(np.diff(picture, axis=1)).mean() > 5
        red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
        for shape in (red - green > 120, green - red > 70, blue - red > 120):
            assert shape.sum() > 20
