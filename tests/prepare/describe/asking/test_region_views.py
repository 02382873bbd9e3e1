"""What a server sees of a region."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box, Size
from prepare.describe.asking.region_views import fit_pixels, jpeg_url, show_region, view_tokens

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 180, (100, 200, 3), dtype=np.uint8))
BOX = Box(40, 20, 80, 60)


def test_a_spotlight_keeps_the_region_and_dims_the_rest() -> None:
    seen = np.asarray(show_region(PICTURE, BOX, "spotlight", 0.25, 10**6))
    before = np.asarray(PICTURE)
    assert (seen[20:60, 40:80] == before[20:60, 40:80]).all()
    assert (seen[:10] == before[:10] // 2).all()
    assert (seen[19, 39:81] == 255).all()


@pytest.mark.parametrize(("margin", "size"), [(0.0, (40, 40)), (0.25, (60, 60)), (4.0, (200, 100))])
def test_a_crop_has_its_margin_inside_the_picture(margin: float, size: tuple[int, int]) -> None:
    assert show_region(PICTURE, BOX, "crop", margin, 10**6).size == size


def test_large_pictures_are_made_smaller_and_keep_their_shape() -> None:
    for pixels in (4096, 5000, 19_999):
        small = fit_pixels(PICTURE, pixels)
        assert small.width * small.height <= pixels
        assert abs(small.width / small.height - 2) < 0.06
    assert fit_pixels(PICTURE, 20_000) is PICTURE


def test_a_view_is_a_jpeg_file() -> None:
    head, _, data = jpeg_url(PICTURE).partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (200, 100)


def test_tokens_are_those_of_the_model_family() -> None:
    assert view_tokens(Size(640, 480), 1 << 20) == 300
    assert view_tokens(Size(6400, 4800), 1 << 20) <= 1024
    assert view_tokens(Size(10_000, 10), 1 << 20) > 0
