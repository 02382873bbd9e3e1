import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageFilter

from grounding.boxes import Box, Size
from grounding.images.pixels import model_pixels
from grounding.images.region_pictures import draw_blur, draw_outline, draw_spotlight, draw_with_crop
from tests.visualize.scenes import colourful

WIDTH, HEIGHT = 60, 40
corners = st.tuples(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, WIDTH), st.integers(1, HEIGHT)
)


def region_at(numbers):
    """Return a box inside the image, its pixels, and these with those around them."""
    x, y, wide, high = numbers
    box = Box(x, y, min(x + wide, WIDTH), min(y + high, HEIGHT))
    x1, y1, x2, y2 = map(int, box.xyxy)
    inside, around = np.zeros((2, HEIGHT, WIDTH), dtype=bool)
    inside[y1:y2, x1:x2] = True
    around[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = True
    return box, inside, around


@given(corners)
def test_the_object_is_untouched_its_surroundings_are_white_and_the_rest_is_half_as_bright(numbers):
    box, inside, around = region_at(numbers)
    image = colourful(WIDTH, HEIGHT)
    before, after = np.asarray(image), np.asarray(draw_spotlight(image, box))
    assert (after[inside] == before[inside]).all()
    assert (after[around & ~inside] == 255).all()
    assert (after[~around] == before[~around] // 2).all()


@given(corners)
def test_an_outline_changes_nothing_but_one_pixel_around_the_object(numbers):
    x, y, wide, high = numbers
    box = Box(x, y, min(x + wide, WIDTH), min(y + high, HEIGHT))
    image = colourful(WIDTH, HEIGHT)
    before, after = np.asarray(image), np.asarray(draw_outline(image, box))
    x1, y1, x2, y2 = map(int, box.xyxy)
    line = np.zeros((HEIGHT, WIDTH), dtype=bool)
    line[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = True
    line[y1:y2, x1:x2] = False
    assert (after[line] == 255).all()
    assert (after[~line] == before[~line]).all()
    assert image.tobytes() == colourful(WIDTH, HEIGHT).tobytes()


def test_an_outline_at_the_border_is_clipped():
    drawn = np.asarray(draw_outline(Image.new("RGB", (WIDTH, HEIGHT)), Box(-5, 10, WIDTH + 5, 20)))
    white = (drawn == 255).all(axis=2)
    assert set(np.nonzero(white)[0]) == {9, 20}
    assert white.sum() == 2 * WIDTH
    assert not np.asarray(draw_outline(Image.new("RGB", (WIDTH, HEIGHT)), Box(0, 0, WIDTH, HEIGHT))).any()


def test_a_mask_says_the_same_as_the_box_it_holds():
    image, mask = colourful(WIDTH, HEIGHT), np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[10:20, 5:30] = True
    drawn = draw_spotlight(image, Box(5, 10, 30, 20)).tobytes()
    assert draw_spotlight(image, mask).tobytes() == drawn
    assert draw_outline(image, mask).tobytes() == draw_outline(image, Box(5, 10, 30, 20)).tobytes()
    for mode in ("1", "L"):
        assert draw_spotlight(image, Image.fromarray(mask).convert(mode)).tobytes() == drawn


def test_a_pixel_that_a_box_touches_belongs_to_the_object():
    image = colourful(WIDTH, HEIGHT)
    touched, whole = (
        draw_spotlight(image, Box(5.9, 10.5, 29.1, 19.01)),
        draw_spotlight(image, Box(5, 10, 30, 20)),
    )
    assert touched.tobytes() == whole.tobytes()


def test_the_outline_of_a_mask_follows_its_shape():
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[10:12, 10:12] = mask[30, 50] = True
    drawn = np.asarray(draw_spotlight(Image.new("RGB", (WIDTH, HEIGHT), (90, 90, 90)), mask))
    assert ((drawn == 255).all(axis=2)).sum() == 12 + 8
    assert (drawn[20, 30] == 45).all()


def test_nothing_to_show_dims_everything():
    for target in (Box(900, 900, 950, 950), Box(5, 5, 5, 5), np.zeros((HEIGHT, WIDTH), dtype=bool)):
        drawn = draw_spotlight(Image.new("RGB", (WIDTH, HEIGHT), (90, 90, 90)), target)
        assert drawn.getcolors() == [(WIDTH * HEIGHT, (45, 45, 45))]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_box_and_mask_are_of_the_upright_image(orientation):
    image = Image.new("L", (WIDTH, HEIGHT), 90)
    image.paste(200, (5, 10, 30, 20))
    image.getexif()[ExifTags.Base.Orientation] = orientation
    mask = np.asarray(model_pixels(image))[:, :, 0] == 200
    for target in (Box(5, 10, 30, 20).turned(Size(WIDTH, HEIGHT), orientation), mask):
        drawn = np.asarray(draw_spotlight(image, target))
        assert drawn.shape[:2] == ((HEIGHT, WIDTH) if orientation < 5 else (WIDTH, HEIGHT))
        assert {tuple(color) for color in drawn.reshape(-1, 3)} == {(200,) * 3, (255,) * 3, (45,) * 3}
        outlined = np.asarray(draw_outline(image, target))
        assert outlined.shape == drawn.shape
        assert {tuple(color) for color in outlined.reshape(-1, 3)} == {(200,) * 3, (255,) * 3, (90,) * 3}


def test_a_mask_of_another_size_is_refused():
    for draw in (draw_spotlight, draw_outline, draw_blur, draw_with_crop):
        with pytest.raises(ValueError, match="60x40"):
            draw(Image.new("RGB", (WIDTH, HEIGHT)), np.zeros((WIDTH, HEIGHT), dtype=bool))


@given(corners)
def test_blur_leaves_the_object_and_changes_all_else(numbers):
    box, inside, around = region_at(numbers)
    image = colourful(WIDTH, HEIGHT)
    before, after = np.asarray(image), np.asarray(draw_blur(image, box))
    assert (after[inside] == before[inside]).all()
    assert (after[around & ~inside] == 255).all()
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(2)))
    assert (after[~around] == blurred[~around]).all()
    assert image.tobytes() == colourful(WIDTH, HEIGHT).tobytes()


def test_the_blur_grows_with_the_picture():
    image = Image.new("RGB", (640, 320))
    image.paste((255, 255, 255), (0, 0, 320, 320))
    drawn = np.asarray(draw_blur(image, Box(600, 300, 640, 320)))[10, :, 0].astype(int)
    rows = np.asarray(image.filter(ImageFilter.GaussianBlur(10)))[10, :, 0].astype(int)
    assert (drawn == rows).all()
    assert 0 < drawn[330] < 255


@given(corners, st.booleans())
def test_a_crop_stands_beside_or_below_the_outlined_picture_with_the_object_s_own_pixels(numbers, is_high):
    x, y, wide, high = numbers
    box = Box(x, y, min(x + wide, WIDTH), min(y + high, HEIGHT))
    image = colourful(WIDTH, HEIGHT)
    if is_high:
        image, box = image.transpose(Image.Transpose.TRANSPOSE), Box(box.y1, box.x1, box.y2, box.x2)
    width, height = image.size
    before, after = np.asarray(image), np.asarray(draw_with_crop(image, box))
    outlined = np.asarray(draw_outline(image, box))
    assert (after[:height, :width] == outlined).all()
    x1, y1, x2, y2 = map(int, box.xyxy)
    cropped = before[y1:y2, x1:x2]
    factor = max(1, min(4, width // (x2 - x1), height // (y2 - y1)))
    enlarged = cropped.repeat(factor, axis=0).repeat(factor, axis=1)
    rows, columns = enlarged.shape[:2]
    is_beside = after.shape[1] > width
    left, top = (width + 8, 0) if is_beside else (0, height + 8)
    assert (after[top : top + rows, left : left + columns] == enlarged).all()
    assert after.shape[:2] == ((height, left + columns) if is_beside else (top + rows, width))
    rest = np.ones(after.shape[:2], dtype=bool)
    rest[:height, :width] = rest[top : top + rows, left : left + columns] = False
    assert not after[rest].any()
    other = (width + 8 + columns) * height if not is_beside else width * (height + 8 + rows)
    assert after.shape[0] * after.shape[1] <= other


def test_a_crop_of_nothing_adds_nothing():
    image = colourful(WIDTH, HEIGHT)
    drawn = draw_with_crop(image, Box(900, 900, 950, 950))
    assert drawn.tobytes() == draw_outline(image, Box(900, 900, 950, 950)).tobytes()
