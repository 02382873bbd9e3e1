"""Pixel values of an image processor as levels of 8 bits, from which the same values follow bit by bit.

The processor resizes an image to 8 bits a channel, scales and shifts each channel, and repeats each patch in
time. So a channel has 256 different values: `find_levels` asks the processor for them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from grounding.errors import UserError

CHANNELS = 3
LEVEL_COUNT = 256

Levels = npt.NDArray[np.float32]
"""(3, 256): the value of each level, by channel, ascending."""

Patches = npt.NDArray[np.uint8]
"""(patches, 3, patch size squared): an image in levels, in the order of the processor's patches."""


def find_levels(image_processor: Any) -> Levels:
    """Return the values that a processor makes of the 256 levels.

    Raises:
        UserError: the processor makes other values than one of each level.
    """
    factor = int(image_processor.patch_size) * int(image_processor.merge_size)
    side = factor * -(-16 // factor)  # at least 256 pixels
    grey = np.resize(np.arange(LEVEL_COUNT, dtype=np.uint8), (side, side))
    picture = Image.fromarray(np.repeat(grey[..., None], CHANNELS, axis=2))
    made = image_processor([picture], do_resize=False, return_tensors="pd")["pixel_values"].numpy()
    by_channel = _by_patch(made, image_processor).transpose(1, 0, 2, 3).reshape(CHANNELS, -1)
    levels = [np.unique(values) for values in by_channel]
    if made.dtype != np.float32 or any(len(values) != LEVEL_COUNT for values in levels):
        raise UserError(
            f"{type(image_processor).__name__}: does not make one value of each level of a pixel: its images "
            "cannot be cached"
        )
    return np.stack(levels)


def to_levels(values: Any, levels: Levels, image_processor: Any) -> Patches | None:
    """Return the levels of an image's pixel values (patches, 3 x frames x patch size squared).

    None if the values would not follow from them bit by bit.
    """
    first = _by_patch(values, image_processor)[:, :, 0]
    found = np.stack(
        [np.searchsorted(levels[channel], first[:, channel]) for channel in range(CHANNELS)], axis=1
    )
    patches: Patches = np.minimum(found, LEVEL_COUNT - 1).astype(np.uint8)
    again = to_values(patches, levels, int(image_processor.temporal_patch_size))
    return patches if again.tobytes() == np.ascontiguousarray(values).tobytes() else None


def to_values(patches: Patches, levels: Levels, temporal: int) -> npt.NDArray[np.float32]:
    """Return pixel values (patches, 3 x temporal x patch size squared) as the processor made them."""
    count, _, pixels = patches.shape
    values = np.empty((count, CHANNELS, temporal, pixels), np.float32)
    for channel in range(CHANNELS):
        values[:, channel] = levels[channel][patches[:, channel, None]]
    return values.reshape(count, -1)


def _by_patch(values: Any, image_processor: Any) -> Any:
    """Return pixel values as (patches, 3, frames of a patch, patch size squared)."""
    temporal = int(image_processor.temporal_patch_size)
    return values.reshape(len(values), CHANNELS, temporal, int(image_processor.patch_size) ** 2)
