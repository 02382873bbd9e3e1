"""Image files as pictures to draw on, with boxes that scale along."""

import logging
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.images.pixels import UNREADABLE, check_scale, model_pixels, open_picture, upright_size
from grounding.samples import Detection

log = logging.getLogger(__name__)

NEAREST_FROM = 3.0
"""From this enlargement on, pixels stay sharp squares instead of a blur."""


Groups = tuple[tuple[Detection, ...], ...]
"""The detections of each group."""


def open_image(path: Path, size: Size | None = None, *, is_whole: bool = True) -> Image.Image:
    """Open an image and check the size of its upright picture, if one is given.

    With `is_whole=False`, only the header of the file is read.

    Raises:
        UserError: the file is missing, is not an image, or has another size.
    """
    try:
        image = open_picture(path)
        check_scale(image)
        if is_whole:
            image.load()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such image: is the data set complete?") from error
    except UNREADABLE as error:
        raise UserError(f"{path}: not readable as an image: {error}") from error
    shown = upright_size(image)
    if size is not None and shown != size:
        raise UserError(
            f"{path}: the image is {shown.width}x{shown.height}, the annotations say "
            f"{size.width}x{size.height}: is --dataset the one that was predicted?"
        )
    return image


def drawable(image: Image.Image, *groups: Sequence[Detection]) -> tuple[Image.Image, Groups]:
    """Return the pixels that the model sees, and each group of detections without those of no finite box.

    Boxes are in pixels of the upright image, as everywhere.
    """
    kept = tuple(tuple(item for item in group if item.box.is_finite) for group in groups)
    if lost := sum(map(len, groups)) - sum(map(len, kept)):
        log.warning("%d boxes with NaN or infinite coordinates are not drawn", lost)
    return model_pixels(image), kept


def resized(picture: Image.Image, size: Size, *groups: Sequence[Detection]) -> tuple[Image.Image, Groups]:
    """Return a picture at another size, and each group of detections scaled along."""
    across, down = size.width / picture.width, size.height / picture.height
    method = Image.Resampling.NEAREST if min(across, down) >= NEAREST_FROM else Image.Resampling.LANCZOS
    scaled = tuple(
        tuple(
            Detection(
                item.label,
                Box(item.box.x1 * across, item.box.y1 * down, item.box.x2 * across, item.box.y2 * down),
                item.score,
                description=item.description,
            )
            for item in group
        )
        for group in groups
    )
    return picture.resize((size.width, size.height), method, reducing_gap=3.0), scaled
