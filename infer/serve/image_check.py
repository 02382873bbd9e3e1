"""The image of a request, checked by its header before anything is decoded."""

import io

from PIL import Image, UnidentifiedImageError

from grounding.boxes import Size
from grounding.images.image_formats import IMAGE_FORMATS
from infer.engines.settings import MEGAPIXEL
from infer.serve.access import RefusedError


def check_image_header(data: bytes, max_megapixels: int) -> Size:
    """Check the format and the number of pixels that a file claims, and return its size as it is stored.

    Raises:
        RefusedError: another format, a damaged header, or too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            size = Size(*image.size)
    except Image.DecompressionBombError as error:
        raise RefusedError(413, f"the image: {error}") from error
    except Exception as error:  # Pillow raises all kinds for a damaged header
        formats = ", ".join(IMAGE_FORMATS)
        # Pillow names the object in memory of which it knows no format.
        reason = "no known format" if isinstance(error, UnidentifiedImageError) else error
        raise RefusedError(400, f"the image: not usable as an image ({formats}): {reason}") from error
    pixels = size.width * size.height
    if pixels > max_megapixels * MEGAPIXEL:
        raise RefusedError(
            413,
            f"the image has {pixels / MEGAPIXEL:.0f} megapixels, and may have {max_megapixels} "
            "(max_megapixels): shrink it",
        )
    return size
