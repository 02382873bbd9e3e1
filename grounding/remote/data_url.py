"""Image files as data URLs, for requests that carry the image itself."""

import base64
import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from grounding.errors import UserError
from grounding.images.image_formats import IMAGE_FORMATS
from grounding.images.pixels import UNREADABLE, is_plain, pixels_as_png


def data_url(image: Path) -> str:
    """Return an image as a data URL: the file's bytes, or a PNG where a server might see other pixels.

    Raises:
        UserError: the file cannot be read, or is no image in one of IMAGE_FORMATS.
    """
    try:
        if image.exists() and not image.is_file():  # reading a pipe or a device would never end
            raise UserError(f"{image}: no regular file: prepare the data set again")
        content = image.read_bytes()
    except OSError as error:
        raise UserError(f"{image}: cannot be read: {error.strerror or error}") from error
    try:
        with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as opened:
            media_type = opened.get_format_mimetype()
            if not is_plain(opened):
                content, media_type = pixels_as_png(opened), "image/png"
    except UNREADABLE as error:
        # Pillow names the object in memory of which it knows no format.
        reason = "no known format" if isinstance(error, UnidentifiedImageError) else error
        raise UserError(f"{image}: not usable as an image: {reason}: prepare the data set again") from error
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
