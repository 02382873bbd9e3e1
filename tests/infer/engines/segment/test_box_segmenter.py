import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box
from grounding.errors import UserError
from infer.engines.segment.box_segmenter import BoxSegmenter
from infer.engines.segment.segmenter import Click, MaskPrompt, hull_box

PICTURE = Image.new("RGB", (30, 20))


def test_the_mask_is_the_pixels_that_the_box_touches() -> None:
    (found,) = BoxSegmenter().segment(PICTURE, MaskPrompt((Click(1, 1),), Box(2.5, 3, 9, 25)))
    assert found.score is None
    assert found.mask.shape == (20, 30)
    assert hull_box(found.mask) == Box(2, 3, 9, 20)
    assert found.mask[3:20, 2:9].all()


def test_the_picture_is_upright() -> None:
    turned = Image.new("RGB", (30, 20))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.info["exif"] = exif.tobytes()
    (found,) = BoxSegmenter().segment(turned, MaskPrompt(box=Box(0, 0, 5, 5)))
    assert found.mask.shape == (30, 20)


def test_a_click_alone_gets_one_clear_line() -> None:
    with pytest.raises(UserError, match="no mask without a box: draw one, or set backend=grabcut"):
        BoxSegmenter().segment(PICTURE, MaskPrompt((Click(1, 1),)))


def test_the_dtype_is_bool() -> None:
    assert BoxSegmenter().segment(PICTURE, MaskPrompt(box=Box(0, 0, 1, 1)))[0].mask.dtype == np.bool_
