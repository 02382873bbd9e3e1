"""Pictures that show which region is meant: a line around it, or everything else dimmed.

Both are exact: the pixels of the region stay as `model_pixels` gives them, bit for bit, and the line is one
pixel wide, just outside of the region and inside the image.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from grounding.boxes import Box, Size
from grounding.images.pixels import WHITE, model_pixels

Mask = npt.NDArray[np.bool_]
"""Which pixels belong to the region, shape (height, width)."""

Region = Box | Image.Image | Mask
"""A box in pixels of the upright image, or a mask of its size: an array, or a picture; 0 is outside."""


def draw_outline(image: Image.Image, target: Region) -> Image.Image:
    """Return an image with a white line, one pixel wide, around a region, as RGB and upright.

    All other pixels stay unchanged.

    Raises:
        ValueError: the mask has another size.
    """
    picture = model_pixels(image)
    return _surround(picture.copy(), picture, _mask_of(target, picture))


def draw_spotlight(image: Image.Image, target: Region) -> Image.Image:
    """Return an image with everything but one region at half brightness, as RGB and upright.

    Pixels of the region stay unchanged. A white line, one pixel wide, surrounds them inside the image.

    Raises:
        ValueError: the mask has another size.
    """
    picture = model_pixels(image)
    mask = _mask_of(target, picture)
    return _surround(picture.point(lambda value: value // 2), picture, mask)


def _surround(ground: Image.Image, picture: Image.Image, mask: Mask) -> Image.Image:
    """Draw the line onto the ground, and the region's own pixels over it."""
    ground.paste(WHITE, mask=Image.fromarray(_grown(mask)))
    ground.paste(picture, mask=Image.fromarray(mask.view(np.uint8) * np.uint8(255)))
    return ground


def _mask_of(target: Region, picture: Image.Image) -> Mask:
    mask = box_mask(target, Size(*picture.size)) if isinstance(target, Box) else np.asarray(target) != 0
    if mask.shape != (picture.height, picture.width):
        raise ValueError(
            f"the mask has shape {mask.shape}, the image {picture.width}x{picture.height} pixels"
        )
    return mask


def box_mask(box: Box, size: Size) -> Mask:
    """Return the pixels that a box touches."""
    inside = box.clipped(size)
    mask = np.zeros((size.height, size.width), dtype=np.bool_)
    if inside.is_finite and inside.has_area:
        mask[math.floor(inside.y1) : math.ceil(inside.y2), math.floor(inside.x1) : math.ceil(inside.x2)] = (
            True
        )
    return mask


def _grown(mask: Mask) -> npt.NDArray[np.uint8]:
    """Return 255 for pixels of the mask and for their eight neighbours, else 0."""
    tall = mask.copy()
    tall[1:] |= mask[:-1]
    tall[:-1] |= mask[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide.view(np.uint8) * np.uint8(255)
