"""Image files as upright RGB pictures, with boxes that turn and scale along."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.images.image_formats import IMAGE_FORMATS
from grounding.samples import Detection
from visualize.draw.colors import WHITE

log = logging.getLogger(__name__)

SHOWN_FORMATS = (*IMAGE_FORMATS, "TIFF")
"""The image formats that are drawn: those that the model is shown, and TIFF."""

NEAREST_FROM = 3.0
"""From this enlargement on, pixels stay sharp squares instead of a blur."""


def open_image(path: Path, size: Size | None = None, *, is_whole: bool = True) -> Image.Image:
    """Open an image and check its size, if one is given.

    With `is_whole=False`, only the header of the file is read.

    Raises:
        UserError: the file is missing, is not an image, or has another size.
    """
    try:
        image = Image.open(path, formats=SHOWN_FORMATS)
        if is_whole:
            image.load()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such image: is the data set complete?") from error
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not readable as an image: {error}") from error
    if size is not None and image.size != (size.width, size.height):
        raise UserError(
            f"{path}: the image is {image.width}x{image.height}, the annotations say "
            f"{size.width}x{size.height}: is --dataset the one that was predicted?"
        )
    return image


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of any mode as RGB.

    Transparency becomes white. Greys of 16 or 32 bits and floats are scaled to the range of the image.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return _stretched(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        opaque = image.convert("RGBA")
        ground = Image.new("RGBA", opaque.size, (*WHITE, 255))
        return Image.alpha_composite(ground, opaque).convert("RGB")
    return image.convert("RGB")


def upright(
    image: Image.Image, *groups: Sequence[Detection]
) -> tuple[Image.Image, tuple[tuple[Detection, ...], ...]]:
    """Return an image as RGB with its EXIF orientation applied, and each group of detections turned along.

    The given boxes are in pixels of the stored image, which is what the model sees. Picture and boxes are
    turned before labels are drawn, so that the labels are upright.
    """
    size = Size(image.width, image.height)
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    # Turn first: to_rgb drops the EXIF data of some modes.
    picture = to_rgb(ImageOps.exif_transpose(image))
    turned = tuple(
        tuple(
            Detection(item.label, turn_box(item.box, size, orientation), item.score)
            for item in group
            if item.box.is_finite
        )
        for group in groups
    )
    if lost := sum(map(len, groups)) - sum(map(len, turned)):
        log.warning("%d boxes with NaN or infinite coordinates are not drawn", lost)
    return picture, turned


def turn_box(box: Box, size: Size, orientation: int) -> Box:
    """Turn a box of the stored image as the orientation turns the image; `size` is that of the stored image.

    Source: EXIF 2.3, tag 0x0112. Unknown values change nothing, as in Pillow.
    """
    x1, y1, x2, y2 = box.xyxy
    if orientation in (2, 3, 7, 8):
        x1, x2 = size.width - x2, size.width - x1
    if orientation in (3, 4, 6, 7):
        y1, y2 = size.height - y2, size.height - y1
    return Box(y1, x1, y2, x2) if orientation in (5, 6, 7, 8) else Box(x1, y1, x2, y2)


def resized(
    picture: Image.Image, size: Size, *groups: Sequence[Detection]
) -> tuple[Image.Image, tuple[tuple[Detection, ...], ...]]:
    """Return a picture at another size, and each group of detections scaled along."""
    across, down = size.width / picture.width, size.height / picture.height
    method = Image.Resampling.NEAREST if min(across, down) >= NEAREST_FROM else Image.Resampling.LANCZOS
    scaled = tuple(
        tuple(
            Detection(
                item.label,
                Box(item.box.x1 * across, item.box.y1 * down, item.box.x2 * across, item.box.y2 * down),
                item.score,
            )
            for item in group
        )
        for group in groups
    )
    return picture.resize((size.width, size.height), method, reducing_gap=3.0), scaled


def _stretched(image: Image.Image) -> Image.Image:
    """Return greys of 16 bits, 32 bits or floats as RGB, scaled from the darkest to the brightest."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    greys = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.round(greys).astype(np.uint8)).convert("RGB")
