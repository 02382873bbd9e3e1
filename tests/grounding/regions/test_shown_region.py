import pytest
from PIL import ExifTags, Image

from grounding.boxes import Box
from grounding.images.pixels import model_pixels
from grounding.images.region_pictures import draw_blur, draw_outline, draw_spotlight, draw_with_crop
from grounding.regions.shown_region import SHOWN_AS, draw_shown_region
from grounding.yes_no.shown_box import draw_shown_box
from tests.visualize.scenes import colourful

BOX = Box(5, 10, 30, 20)


def test_every_way_to_show_a_region_has_a_picture_of_its_own() -> None:
    image = colourful(60, 40)
    shown = {show: draw_shown_region(image, BOX, show) for show in SHOWN_AS}
    drawn = {
        "spotlight": draw_spotlight,
        "outline": draw_outline,
        "blur": draw_blur,
        "crop": draw_with_crop,
        "text": lambda image, box: model_pixels(image),
    }
    assert {show: picture.tobytes() for show, picture in shown.items()} == {
        show: draw(image, BOX).tobytes() for show, draw in drawn.items()
    }
    assert len({picture.tobytes() for picture in shown.values()}) == len(SHOWN_AS)


def test_yes_no_questions_show_their_boxes_in_the_same_pictures() -> None:
    image = colourful(60, 40)
    for show in ("outline", "spotlight"):
        assert draw_shown_box(image, BOX, show).tobytes() == draw_shown_region(image, BOX, show).tobytes()


@pytest.mark.parametrize("show", SHOWN_AS)
def test_a_turned_picture_is_shown_upright(show: str) -> None:
    image = Image.new("RGB", (60, 40), (1, 2, 3))
    image.getexif()[ExifTags.Base.Orientation] = 6
    shown = draw_shown_region(image, Box(5, 10, 30, 20), show)
    assert shown.size == ((40, 60 + 8 + 10) if show == "crop" else (40, 60))
