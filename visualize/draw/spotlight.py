"""Spotlight: one object in its own light, everything around it dimmed."""

import math

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from grounding.boxes import Box, Size
from visualize.draw.colors import WHITE
from visualize.draw.pictures import to_rgb

Mask = npt.NDArray[np.bool_]
"""Which pixels belong to the object, shape (height, width)."""


def draw_spotlight(image: Image.Image, target: Box | Image.Image | Mask) -> Image.Image:
    """Return an image with all but one object at half its brightness, as RGB and right side up.

    The object is a box in pixels of the stored image, or a mask of the stored image's size: an array, or
    a picture in which 0 is background. The object's own pixels stay as they are; a white line of one pixel
    runs around them, where the image goes on.

    Raises:
        ValueError: a mask of another size.
    """
    mask = _box_mask(target, Size(*image.size)) if isinstance(target, Box) else np.asarray(target) != 0
    if mask.shape != (image.height, image.width):
        raise ValueError(f"a mask of shape {mask.shape} for an image of {image.width}x{image.height}")
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    upright_mask = _turned(Image.fromarray(mask.view(np.uint8) * 255), orientation)
    picture = to_rgb(ImageOps.exif_transpose(image))
    lit = picture.point(lambda value: value // 2)
    lit.paste(WHITE, mask=Image.fromarray(_outline(np.asarray(upright_mask) != 0)))
    lit.paste(picture, mask=upright_mask)
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
    """Return the pixels within one step of the mask, diagonally too, as 255; those of the mask as well."""
    tall = mask.copy()
    tall[1:] |= mask[:-1]
    tall[:-1] |= mask[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide.view(np.uint8) * np.uint8(255)


def _turned(mask: Image.Image, orientation: int) -> Image.Image:
    """Return a mask turned as `ImageOps.exif_transpose` turns an image of this EXIF orientation."""
    mask.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(mask)
