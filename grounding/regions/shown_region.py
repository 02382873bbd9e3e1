"""How a question for words shows the region that it is about: in the picture, or as numbers in the text."""

from typing import TYPE_CHECKING

from grounding.boxes import Box
from grounding.yes_no.shown_box import OUTLINE, SPOTLIGHT, TEXT

if TYPE_CHECKING:
    from PIL import Image

BLUR, CROP = "blur", "crop"

SHOWN_AS = (SPOTLIGHT, OUTLINE, BLUR, CROP, TEXT)
"""spotlight: all else at half brightness; outline: a white line around the region; blur: all else blurred;
crop: the picture with the outline, and the region by itself beside or below it; text: the picture as it is,
and the box on the 0..1000 grid in the question. The first four have a white line around the region."""


def draw_shown_region(image: "Image.Image", box: Box, show: str) -> "Image.Image":
    """Return the picture that shows a region, in pixels of the upright image, in one of the ways to show it.

    With "text" that is the upright picture itself.
    """
    from grounding.images import region_pictures
    from grounding.images.pixels import model_pixels

    draw = {
        SPOTLIGHT: region_pictures.draw_spotlight,
        OUTLINE: region_pictures.draw_outline,
        BLUR: region_pictures.draw_blur,
        CROP: region_pictures.draw_with_crop,
    }.get(show)
    return model_pixels(image) if draw is None else draw(image, box)
