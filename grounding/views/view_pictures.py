"""The pictures of views: crops of a picture, the same in preparing and in inference."""

import math

from PIL import Image

from grounding.boxes import GridBox, Size
from grounding.views.view_regions import region_pixels


def cut_view(picture: Image.Image, region: GridBox, most_pixels: int | None = None) -> Image.Image:
    """Return the part of an upright RGB picture that a region of its grid shows.

    It keeps the picture's resolution; with more than `most_pixels` it is reduced to at most so many.
    """
    crop = picture.crop(region_pixels(region, Size(*picture.size)))
    if most_pixels is None or crop.width * crop.height <= most_pixels:
        return crop
    factor = math.sqrt(most_pixels / (crop.width * crop.height))
    width, height = (max(1, math.floor(side * factor)) for side in crop.size)
    return crop.resize((width, height), Image.Resampling.LANCZOS)
