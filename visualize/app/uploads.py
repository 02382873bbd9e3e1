"""Uploaded pictures: checked before they are decoded, then converted to upright RGB."""

import logging
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from visualize.app.texts import AppError
from visualize.draw.pictures import upright

log = logging.getLogger(__name__)

MEGA = 1_000_000
"""Bytes in a megabyte, pixels in a megapixel."""


def open_upload(path: Path | None, max_megabytes: float, max_megapixels: float) -> Image.Image:
    """Return an uploaded picture as upright RGB.

    The number of pixels is read from the file's header before decoding: a small file can hold a huge picture.

    Raises:
        AppError: there is no file, it has too many bytes or pixels, or it is not a picture.
    """
    if path is None:
        raise AppError("no_picture")
    try:
        megabytes = path.stat().st_size / MEGA
        if megabytes > max_megabytes:
            raise AppError("many_bytes", megabytes, max_megabytes)
        with Image.open(path) as image:
            if image.width * image.height > max_megapixels * MEGA:
                raise AppError("many_pixels", max_megapixels)
            image.load()
            return upright(image)[0]
    except FileNotFoundError as error:
        raise AppError("gone_picture") from error
    except Image.DecompressionBombError as error:
        raise AppError("many_pixels", max_megapixels) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        log.info("an upload is not readable: %s", error)
        raise AppError("not_a_picture") from error
