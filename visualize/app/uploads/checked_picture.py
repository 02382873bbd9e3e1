"""Uploaded pictures: checked before they are decoded, then converted to upright RGB."""

import logging
import os
import stat
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from grounding.images.image_formats import IMAGE_FORMATS
from grounding.images.pixels import model_pixels
from visualize.app.texts import AppError

log = logging.getLogger(__name__)

MEGA = 1_000_000
"""Bytes in a megabyte, pixels in a megapixel."""


def open_upload(path: Path | None, max_megabytes: float, max_megapixels: float) -> Image.Image:
    """Return an uploaded picture as upright RGB.

    The number of pixels is read from the file's header before decoding: a small file can hold a huge picture.

    Raises:
        AppError: there is no regular file, it has too many bytes or pixels, or it is not a picture in one of
            IMAGE_FORMATS.
    """
    if path is None:
        raise AppError("no_picture")
    try:
        # Neither follow a link nor wait for the other end of a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return _decode(file, max_megabytes, max_megapixels)
    except OSError as error:
        raise AppError("gone_picture") from error


def _decode(file: BinaryIO, max_megabytes: float, max_megapixels: float) -> Image.Image:
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise AppError("gone_picture")
    if found.st_size > max_megabytes * MEGA:
        raise AppError("many_bytes", found.st_size / MEGA, max_megabytes)
    try:
        with Image.open(file, formats=IMAGE_FORMATS) as image:
            if image.width * image.height > max_megapixels * MEGA:
                raise AppError("many_pixels", max_megapixels)
            return model_pixels(image)
    except Image.DecompressionBombError as error:
        raise AppError("many_pixels", max_megapixels) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        log.info("an upload is not readable: %s", error)
        raise AppError("not_a_picture") from error
