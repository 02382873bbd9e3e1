"""Pictures that show which region is meant: a line around it, everything else dimmed or blurred, or a crop.

All are exact: the pixels of the region stay as `model_pixels` gives them, bit for bit, and the line is one
pixel wide, just outside of the region and inside the image.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from grounding.boxes import Box, Size
from grounding.images.pixels import WHITE, model_pixels

Mask = npt.NDArray[np.bool_]
"""Which pixels belong to the region, shape (height, width)."""

RegionShape = Box | Image.Image | Mask
"""A box in pixels of the upright image, or a mask of its size: an array, or a picture; 0 is outside."""

BLUR_SHARE, SMALLEST_BLUR = 64, 2
"""The longer side of an image in radii of its blur, and the least radius in pixels."""

CROP_GAP, CROP_FACTOR = 8, 4
"""Pixels between an image and the crop beside it, and the most that a crop is enlarged."""


def draw_outline(image: Image.Image, target: RegionShape) -> Image.Image:
    """Return an image with a white line, one pixel wide, around a region, as RGB and upright.

    All other pixels stay unchanged.

    Raises:
        ValueError: the mask has another size.
    """
    picture = model_pixels(image)
    return _surround(picture.copy(), picture, _mask_of(target, picture))


def draw_spotlight(image: Image.Image, target: RegionShape) -> Image.Image:
    """Return an image with everything but one region at half brightness, as RGB and upright.

    Pixels of the region stay unchanged. A white line, one pixel wide, surrounds them inside the image.

    Raises:
        ValueError: the mask has another size.
    """
    picture = model_pixels(image)
    mask = _mask_of(target, picture)
    return _surround(picture.point(lambda value: value // 2), picture, mask)


def draw_blur(image: Image.Image, target: RegionShape) -> Image.Image:
    """Return an image with everything but one region blurred, as RGB and upright.

    The radius is a 64th of the longer side, 2 pixels at least. Pixels of the region stay unchanged. A white
    line, one pixel wide, surrounds them inside the image.

    Raises:
        ValueError: the mask has another size.
    """
    picture = model_pixels(image)
    mask = _mask_of(target, picture)
    radius = max(SMALLEST_BLUR, max(picture.size) / BLUR_SHARE)
    return _surround(picture.filter(ImageFilter.GaussianBlur(radius)), picture, mask)


def draw_with_crop(image: Image.Image, target: RegionShape) -> Image.Image:
    """Return the outlined image and the region's rectangle in one picture, as RGB and upright.

    The rectangle stands on the right of the image or below it, whichever gives the smaller picture, after a
    black gap. It is enlarged by a whole factor, each pixel to a square of equal pixels: as often as it stays
    within the image's sides, at most CROP_FACTOR times. A region without pixels adds nothing.

    Raises:
        ValueError: the mask has another size.
    """
    picture = model_pixels(image)
    mask = _mask_of(target, picture)
    outlined = _surround(picture.copy(), picture, mask)
    around = Image.fromarray(mask.view(np.uint8)).getbbox()
    if around is None:
        return outlined
    crop = picture.crop(around)
    factor = max(1, min(CROP_FACTOR, picture.width // crop.width, picture.height // crop.height))
    crop = crop.resize((crop.width * factor, crop.height * factor), Image.Resampling.NEAREST)
    beside = Size(picture.width + CROP_GAP + crop.width, picture.height)
    below = Size(picture.width, picture.height + CROP_GAP + crop.height)
    is_beside = beside.width * beside.height < below.width * below.height
    size = beside if is_beside else below
    both = Image.new("RGB", (size.width, size.height))
    both.paste(outlined, (0, 0))
    both.paste(crop, (picture.width + CROP_GAP, 0) if is_beside else (0, picture.height + CROP_GAP))
    return both


def _surround(ground: Image.Image, picture: Image.Image, mask: Mask) -> Image.Image:
    """Draw the line onto the ground, and the region's own pixels over it."""
    ground.paste(WHITE, mask=Image.fromarray(_grown(mask)))
    ground.paste(picture, mask=Image.fromarray(mask.view(np.uint8) * np.uint8(255)))
    return ground


def _mask_of(target: RegionShape, picture: Image.Image) -> Mask:
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
