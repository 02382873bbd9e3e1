from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.images.region_pictures import Mask
from infer.engines.segment.grabcut_segmenter import LONGEST_SIDE, GrabCutSegmenter
from infer.engines.segment.segmenter import Click, MaskPrompt, hull_box, mask_iou
from tests.infer.engines.segment.drawn_shapes import drawn_shapes

NEEDED = 0.8
"""IoU with the true mask that a click on a drawn shape reaches."""

SHAPES = [shape for seed in range(4) for shape in drawn_shapes(8, seed=seed)]


def cut(picture: Image.Image, prompt: MaskPrompt) -> Mask:
    (found,) = GrabCutSegmenter().segment(picture, prompt)
    assert found.score is None
    assert found.mask.dtype == np.bool_
    assert found.mask.shape == (picture.height, picture.width)
    return found.mask


@pytest.mark.parametrize("kind", ["circle", "square", "triangle", "diamond"])
def test_a_click_on_a_drawn_shape_finds_it(kind: str) -> None:
    shapes = [shape for shape in SHAPES if shape.name.endswith(kind)]
    assert len(shapes) >= 10
    found = [(mask_iou(cut(each.picture, MaskPrompt((each.click,))), each.mask), each.box) for each in shapes]
    assert [each for each in found if each[0] < NEEDED] == []


def test_a_click_anywhere_on_a_shape_finds_it() -> None:
    generator = np.random.default_rng(0)
    for shape in SHAPES[::4]:
        inner = shape.mask.copy()  # two pixels from the edge: people click on an object, not at its rim
        for _ in range(2):
            inner[1:-1, 1:-1] &= inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
        y, x = generator.choice(np.argwhere(inner))
        mask = cut(shape.picture, MaskPrompt((Click(x + 0.5, y + 0.5),)))
        assert mask_iou(mask, shape.mask) >= NEEDED, (shape.name, x, y)


def test_a_click_in_a_larger_picture_finds_the_shape() -> None:
    for shape in drawn_shapes(1, side=1024):
        assert shape.picture.width > LONGEST_SIDE
        assert mask_iou(cut(shape.picture, MaskPrompt((shape.click,))), shape.mask) >= NEEDED


def test_a_box_finds_the_shape_in_it() -> None:
    for shape in drawn_shapes(4, side=128):
        loose = Box(shape.box.x1 - 3, shape.box.y1 - 3, shape.box.x2 + 3, shape.box.y2 + 3)
        assert mask_iou(cut(shape.picture, MaskPrompt(box=loose)), shape.mask) >= NEEDED, shape.name


def squares(*boxes: tuple[int, int, int, int], side: int = 64) -> Image.Image:
    """Red squares on grey."""
    picture = Image.new("RGB", (side, side), (128, 128, 128))
    for box in boxes:
        picture.paste((200, 30, 30), box)
    return picture


def test_positive_clicks_join_and_negative_ones_part() -> None:
    picture = squares((8, 8, 24, 24), (40, 8, 56, 24))
    first, second = Click(16, 16), Click(48, 16)
    assert hull_box(cut(picture, MaskPrompt((first,)))) == Box(8, 8, 24, 24)
    assert hull_box(cut(picture, MaskPrompt((first, second)))) == Box(8, 8, 56, 24)
    in_box = MaskPrompt((Click(48, 16, False),), Box(4, 4, 60, 28))
    mask = cut(picture, in_box)
    assert not mask[16, 48]
    assert mask[16, 16]


def test_clicks_are_obeyed_even_where_colours_say_otherwise() -> None:
    picture = squares((8, 8, 40, 40))
    prompt = MaskPrompt((Click(12, 12), Click(55, 55), Click(30, 30, False)))
    mask = cut(picture, prompt)
    assert mask[12, 12]
    assert mask[55, 55]
    assert not mask[30, 30]


def test_clicks_are_obeyed_where_the_picture_was_made_smaller() -> None:
    picture = squares((100, 100, 900, 900), side=1600)
    mask = cut(picture, MaskPrompt((Click(500, 500), Click(501, 500, False), Click(500, 502))))
    assert mask[500, 500]
    assert not mask[500, 501]
    assert mask[502, 500]


def test_a_click_on_the_ground_gives_the_ground() -> None:
    picture = squares((8, 8, 24, 24))
    mask = cut(picture, MaskPrompt((Click(50, 50),)))
    assert not mask[10:22, 10:22].any()
    assert mask[30:, :].all()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (3, 3), (64, 64), (2000, 3)])
def test_pictures_of_one_colour_and_tiny_ones_have_masks(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, (9, 120, 200))
    click = MaskPrompt((Click(size[0] - 0.5, size[1] - 0.5),))
    assert cut(picture, click).all()
    box = cut(picture, MaskPrompt(box=Box(0, 0, *size)))
    assert box.all()
    part = cut(picture, MaskPrompt(box=Box(0, 0, 1, 1)))
    assert part[0, 0]
    assert part.sum() == 1 if max(size) < 100 else part.any()


def test_noise_has_a_mask() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    assert cut(picture, MaskPrompt((Click(30, 30),)))[30, 30]
    assert cut(picture, MaskPrompt(box=Box(10, 10, 40, 30)))[:, 45:].sum() == 0


def test_the_same_question_has_the_same_mask_in_any_thread() -> None:
    generator = np.random.default_rng(1)

    def clouds() -> Image.Image:
        """Colours that flow into each other: where they part depends on the first guess."""
        few = Image.fromarray(generator.integers(0, 256, (3, 3, 3), dtype=np.uint8))
        many = np.asarray(few.resize((120, 120), Image.Resampling.BICUBIC)).astype(int)
        return Image.fromarray(np.clip(many + generator.integers(-4, 5, many.shape), 0, 255).astype(np.uint8))

    pictures = [clouds() for _ in range(2)]
    prompt = MaskPrompt(box=Box(20, 20, 100, 100))

    def ask(picture: Image.Image) -> Mask:
        cv2.setRNGSeed(int(np.asarray(picture)[0, 0, 0]))  # what others did in this thread
        return cut(picture, prompt)

    expected = [cut(picture, prompt) for picture in pictures]
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(ask, pictures * 2))
    assert all(np.array_equal(*pair) for pair in zip(expected * 2, again, strict=True))


def test_a_click_outside_is_refused() -> None:
    with pytest.raises(UserError, match="outside of the picture of 64x64 pixels"):
        cut(squares(), MaskPrompt((Click(64, 3),)))


def test_the_true_masks_of_these_tests_fill_the_boxes_of_the_source() -> None:
    for shape in SHAPES:
        hull = hull_box(shape.mask)
        assert hull is not None
        assert np.abs(np.subtract(hull.xyxy, shape.box.xyxy)).max() <= 1, shape.name
