"""Spotlight: one object as it is, everything around it dimmed."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from grounding.boxes import Box, Size
from grounding.images.pixels import WHITE, model_pixels

Mask = npt.NDArray[np.bool_]
"""Which pixels belong to the object, shape (height, width)."""


def draw_spotlight(image: Image.Image, target: Box | Image.Image | Mask) -> Image.Image:
    """Return an image with everything but one object at half brightness, as RGB and upright.

    `target` is a box in pixels of the upright image, or a mask of its size: an array, or a
    picture in which 0 is background. Pixels of the object stay unchanged. A white line, one pixel wide,
    surrounds them inside the image.

    Raises:
        ValueError: the mask has another size.
    """
    picture = model_pixels(image)
    mask = _box_mask(target, Size(*picture.size)) if isinstance(target, Box) else np.asarray(target) != 0
    if mask.shape != (picture.height, picture.width):
        raise ValueError(
            f"the mask has shape {mask.shape}, the image {picture.width}x{picture.height} pixels"
        )
    lit = picture.point(lambda value: value // 2)
    lit.paste(WHITE, mask=Image.fromarray(_outline(mask)))
    lit.paste(picture, mask=Image.fromarray(mask.view(np.uint8) * np.uint8(255)))
    return lit


def _box_mask(box: Box, size: Size) -> Mask:
    """Return the pixels that a box touches."""
    inside = box.clipped(size)
    mask = np.zeros((size.height, size.width), dtype=np.bool_)
    if inside.is_finite and inside.has_area:
        mask[math.floor(inside.y1) : math.ceil(inside.y2), math.floor(inside.x1) : math.ceil(inside.x2)] = (
            True
        )
    return mask


def _outline(mask: Mask) -> npt.NDArray[np.uint8]:
    """Return 255 for pixels of the mask and for their eight neighbours, else 0."""
    tall = mask.copy()
    tall[1:] |= mask[:-1]
    tall[:-1] |= mask[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide.view(np.uint8) * np.uint8(255)
