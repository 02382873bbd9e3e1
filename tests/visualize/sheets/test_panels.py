import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from grounding.boxes import Box, Size
from grounding.samples import Detection
from visualize.draw.legend import PAPER
from visualize.sheets.panels import Panel, describe_outcomes, draw_panels, panel_size

ITEM = Detection("dog", Box(10, 10, 40, 40))


@given(st.integers(1, 8000), st.integers(1, 8000))
def test_a_panel_is_of_legible_and_bounded_size(width, height):
    size = panel_size(Size(width, height))
    assert 1 <= size.width <= 480
    assert 1 <= size.height <= 640
    if 0.6 < width / height < 8:
        assert size.width >= 320
        assert size.width / size.height == pytest.approx(width / height, rel=0.02)


def test_a_small_image_is_enlarged():
    sheet = draw_panels(Image.new("RGB", (64, 64)), [Panel("truth", (ITEM,))])
    assert sheet.width > 320


def test_panels_stand_side_by_side_under_their_captions():
    image = Image.new("RGB", (200, 150), (200, 0, 0))
    one = draw_panels(image, [Panel("truth", (ITEM,))])
    two = draw_panels(image, [Panel("truth", (ITEM,)), Panel("after", (), (ITEM,))])
    assert two.height == one.height
    assert one.width * 2 - 20 < two.width < one.width * 2 + 20
    assert two.getpixel((2, 2)) == PAPER


def test_an_image_turned_by_exif_is_shown_upright():
    image = Image.new("RGB", (300, 100))
    image.getexif()[ExifTags.Base.Orientation] = 6
    assert panel_size(Size(100, 300)).height > 400
    assert draw_panels(image, [Panel("truth", ())]).height > 400


def test_a_comparison_in_words():
    other = Detection("cat", Box(100, 100, 120, 120))
    assert describe_outcomes([ITEM], [ITEM]) == "1 of 1 found"
    assert describe_outcomes(
        [ITEM, other], [ITEM, Detection("cow", other.box), Detection("a", Box(50, 0, 60, 5))]
    ) == ("1 of 2 found, 1 wrong label, 1 false positive")
    assert describe_outcomes([], []) == "0 of 0 found"
