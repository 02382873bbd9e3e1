"""The images of a request, checked by their headers before anything is decoded."""

import io
from collections.abc import Sequence

from PIL import Image, UnidentifiedImageError

from grounding.boxes import Size
from grounding.images.image_formats import IMAGE_FORMATS
from infer.engines.settings import MEGAPIXEL
from infer.serve.access import RefusedError


def check_images(images: Sequence[bytes], max_images: int, max_megapixels: int) -> None:
    """Check the number of images, and that together they claim no more pixels than one image may have.

    Raises:
        RefusedError: too many images, too many pixels, or one that `check_image_header` refuses.
    """
    if len(images) > max_images:
        raise RefusedError(
            413, f"the request has {len(images)} images, and may have {max_images} (max_images): show fewer"
        )
    pixels = 0
    for number, data in enumerate(images, 1):
        name = "the image" if len(images) == 1 else f"image {number}"
        size = check_image_header(data, max_megapixels, name)
        pixels += size.width * size.height
    if pixels > max_megapixels * MEGAPIXEL:
        raise RefusedError(
            413,
            f"the images have {pixels / MEGAPIXEL:.0f} megapixels together, and may have {max_megapixels} "
            "(max_megapixels): shrink them, or show fewer",
        )


def check_image_header(data: bytes, max_megapixels: int, name: str = "the image") -> Size:
    """Check the format and the number of pixels that a file claims, and return its size as it is stored.

    `name` is for messages.

    Raises:
        RefusedError: another format, a damaged header, or too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            size = Size(*image.size)
    except Image.DecompressionBombError as error:
        raise RefusedError(413, f"{name}: {error}") from error
    except Exception as error:  # Pillow raises all kinds for a damaged header
        formats = ", ".join(IMAGE_FORMATS)
        # Pillow names the object in memory of which it knows no format.
        reason = "no known format" if isinstance(error, UnidentifiedImageError) else error
        raise RefusedError(400, f"{name}: not usable as an image ({formats}): {reason}") from error
    pixels = size.width * size.height
    if pixels > max_megapixels * MEGAPIXEL:
        raise RefusedError(
            413,
            f"{name} has {pixels / MEGAPIXEL:.0f} megapixels, and may have {max_megapixels} "
            "(max_megapixels): shrink it",
        )
    return size
