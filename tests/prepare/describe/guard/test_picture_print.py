"""Prints of pictures: copies are near, other pictures far, plain ones told apart by thumbnails."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from prepare.describe.guard.picture_print import PrintBook, make_print


def landscape(seed: int) -> Image.Image:
    """Return a smooth picture with contours, as photographs have."""
    rough = np.random.default_rng(seed).integers(60, 200, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((400, 300), Image.Resampling.BICUBIC)


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


@pytest.mark.parametrize("size", [(400, 300), (100, 75), (800, 600), (224, 224)])
@pytest.mark.parametrize("quality", [30, 90])
def test_a_copy_is_found_among_others(size: tuple[int, int], quality: int) -> None:
    pictures = [landscape(seed) for seed in range(20)]
    book = PrintBook([make_print(picture) for picture in pictures])
    for place in (0, 7, 19):
        copy = as_jpeg(pictures[place].resize(size, Image.Resampling.BICUBIC), quality)
        assert book.find(make_print(copy)) == place


def test_another_picture_is_none() -> None:
    book = PrintBook([make_print(landscape(seed)) for seed in range(20)])
    assert [book.find(make_print(landscape(seed))) for seed in range(20, 60)] == [None] * 40


def test_plain_grounds_and_moved_objects_are_other_pictures() -> None:
    def drawn(left: int, colour: str = "red") -> Image.Image:
        picture = Image.new("RGB", (160, 160), "grey")
        ImageDraw.Draw(picture).rectangle((left, 60, left + 20, 80), fill=colour)
        return picture

    book = PrintBook([make_print(drawn(20))])
    assert book.find(make_print(as_jpeg(drawn(20), 90))) == 0
    assert book.find(make_print(drawn(40))) is None
    assert book.find(make_print(drawn(20, "green"))) is None
    assert book.find(make_print(Image.new("RGB", (160, 160), "grey"))) is None


def test_an_empty_book_has_no_original() -> None:
    assert PrintBook([]).find(make_print(landscape(0))) is None
