"""What a server sees: a region's spotlight or crop, or the picture as it is, each as a data URL."""

import base64
import io
import math
from pathlib import Path

from PIL import Image

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.images.pixels import UNREADABLE, read_pixels
from grounding.images.region_pictures import draw_spotlight
from grounding.remote.data_url import data_url
from models.lookup import DEFAULT_FAMILY
from prepare.describe.describe_settings import SPOTLIGHT

JPEG_QUALITY = 95


def show_region(picture: Image.Image, box: Box, show: str, margin: float, max_pixels: int) -> Image.Image:
    """Return the view of a box in pixels: a spotlight, or a crop with a margin, of `max_pixels` at most."""
    if show == SPOTLIGHT:
        return fit_pixels(draw_spotlight(picture, box), max_pixels)
    seen = box.grown(1 + 2 * margin).clipped(Size(*picture.size))
    edges = (math.floor(seen.x1), math.floor(seen.y1), math.ceil(seen.x2), math.ceil(seen.y2))
    return fit_pixels(picture.crop(edges), max_pixels)


def fit_pixels(picture: Image.Image, max_pixels: int) -> Image.Image:
    """Return a picture that is made smaller where it has more pixels than that."""
    scale = math.sqrt(max_pixels / (picture.width * picture.height))
    if scale >= 1:
        return picture
    size = (max(1, int(picture.width * scale)), max(1, int(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def open_pixels(path: Path) -> Image.Image:
    """Return the pixels that a model sees in a file.

    Raises:
        UserError: the file is no image.
    """
    try:
        return read_pixels(path)
    except UNREADABLE as error:
        raise UserError(f"{path}: not usable as an image: {error}: prepare the data set again") from error


def jpeg_url(picture: Image.Image, quality: int = JPEG_QUALITY) -> str:
    """Return a picture as the data URL of a JPEG file."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def whole_picture_url(path: Path, size: Size, max_pixels: int) -> str:
    """Return a picture as a data URL: its file, or a smaller copy where it has more than `max_pixels`.

    Raises:
        UserError: the file is no image.
    """
    if size.width * size.height <= max_pixels:
        return data_url(path)
    return jpeg_url(fit_pixels(open_pixels(path), max_pixels))


def view_tokens(size: Size, max_pixels: int) -> int:
    """Return the tokens of a picture of this size as the project's model family counts them.

    Other families count fewer or more; what a server has counted takes the place of this.
    """
    lower, upper = DEFAULT_FAMILY.pixel_limits
    longest = max(size.width, size.height)
    inside = Size(max(size.width, -(-longest // 200)), max(size.height, -(-longest // 200)))
    seen = DEFAULT_FAMILY.training_size(inside, min(lower, max_pixels), max(max_pixels, upper))
    return seen.width * seen.height // DEFAULT_FAMILY.pixels_per_token
