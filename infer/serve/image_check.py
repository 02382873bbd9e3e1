"""The image of a request, checked by its header before anything is decoded."""

import io

from PIL import Image, UnidentifiedImageError

from grounding.images.image_formats import IMAGE_FORMATS
from infer.serve.access import RefusedError

MEGAPIXEL = 1_000_000


def check_image_header(data: bytes, max_megapixels: int) -> None:
    """Check the format and the number of pixels that a file claims.

    Raises:
        RefusedError: another format, a damaged header, or too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            pixels = image.width * image.height
    except Image.DecompressionBombError as error:
        raise RefusedError(413, f"the image: {error}") from error
    except Exception as error:  # Pillow raises all kinds for a damaged header
        formats = ", ".join(IMAGE_FORMATS)
        # Pillow names the object in memory of which it knows no format.
        reason = "no known format" if isinstance(error, UnidentifiedImageError) else error
        raise RefusedError(400, f"the image: not usable as an image ({formats}): {reason}") from error
    if pixels > max_megapixels * MEGAPIXEL:
        raise RefusedError(
            413,
            f"the image has {pixels / MEGAPIXEL:.0f} megapixels, and may have {max_megapixels} "
            "(max_megapixels): shrink it",
        )
