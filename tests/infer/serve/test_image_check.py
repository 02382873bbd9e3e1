"""The images of a request: their number and their pixels, before anything is decoded."""

import pytest
from PIL import Image

from infer.serve.access import RefusedError
from infer.serve.image_check import check_images
from tests.attacks.test_hostile_requests import png_of
from tests.infer.serve.running_server import PIXEL


def test_several_images_may_have_the_pixels_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    check_images([], 2, 1)
    check_images([png_of(1000, 1000)], 2, 1)
    check_images([png_of(500, 1000)] * 2, 2, 1)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([png_of(10, 10)] * 3, "the request has 3 images, and may have 2 (max_images): show fewer"),
        ([png_of(800, 1000)] * 2, "the images have 2 megapixels together, and may have 1 (max_megapixels)"),
        ([png_of(1001, 1000)], "the image has 1 megapixels, and may have 1 (max_megapixels): shrink it"),
        ([png_of(10, 10), png_of(3000, 1000)], "image 2 has 3 megapixels, and may have 1"),
    ],
)
def test_what_is_too_much_is_named(images: list[bytes], message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_images(images, 2, 1)
    assert message in str(caught.value)
    assert caught.value.status == 413


def test_an_image_that_is_none_is_named_by_its_number() -> None:
    for images, name in (([b"<html>"], "the image"), ([PIXEL, b"<html>"], "image 2")):
        with pytest.raises(RefusedError, match=f"^{name}: not usable as an image") as caught:
            check_images(images, 2, 1)
        assert caught.value.status == 400
