"""The size at which Qwen3-VL sees an image."""

import math

from grounding.boxes import Size

PATCH, MERGE = 16, 2
"""Pixels per side of a patch, and patches per side of a vision token, in the published models."""

FACTOR = PATCH * MERGE
"""Pixels per side of a vision token."""

MIN_PIXELS, MAX_PIXELS = 256 * 256, 1024 * 1024
"""The default limits; a training recipe sets its own by min_pixels and max_pixels."""


def training_size(
    size: Size, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS, factor: int = FACTOR
) -> Size:
    """Return the size to which the image processor resizes: whole vision tokens, pixels within the limits.

    `factor` is the pixels per side of a vision token: Qwen3-VL's; Qwen2.5-VL's is 28.
    Source: smart_resize of the Qwen2-VL image processor (transformers).

    Raises:
        ValueError: one side is more than 200 times the other.
    """
    if max(size.width, size.height) > 200 * min(size.width, size.height):
        raise ValueError(f"{size.width}x{size.height}: one side is more than 200 times the other")
    width, height = (round(side / factor) * factor for side in (size.width, size.height))
    if width * height > max_pixels:
        scale = math.sqrt(size.width * size.height / max_pixels)
        width, height = (
            max(factor, math.floor(side / scale / factor) * factor) for side in (size.width, size.height)
        )
    elif width * height < min_pixels:
        scale = math.sqrt(min_pixels / (size.width * size.height))
        width, height = (math.ceil(side * scale / factor) * factor for side in (size.width, size.height))
    return Size(width, height)
