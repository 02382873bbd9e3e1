"""How many tokens an image takes in training, by the size that its header names."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.images.pixels import model_pixels, open_picture, upright_size

REMOTE = "http"
"""PaddleFormers downloads an image whose path begins so."""


@dataclass(frozen=True)
class ImageOutline:
    """Stands in for an image where code asks for its size and resizes it. Sizes are in pixels."""

    width: int
    height: int
    mode: str = "RGB"

    def resize(self, size: tuple[int, int]) -> "ImageOutline":
        """Return the outline of the image at another (width, height)."""
        return ImageOutline(*size)


def read_outline(image: str, download: Callable[[str], Any], *, decode: bool = False) -> ImageOutline:
    """Read the header of an image; `download` opens one that is not on this disk.

    With `decode`, the pixels are decoded, too: it takes longer, and finds damaged images.

    Raises:
        OSError: no such file, no image, or a damaged one.
        Image.DecompressionBombError: more pixels than Pillow opens.
    """
    with download(image) if image.startswith(REMOTE) else open_picture(Path(image)) as header:
        if decode:
            model_pixels(header)
        size = upright_size(header)
        return ImageOutline(size.width, size.height)


def count_image_tokens(outline: ImageOutline, plugin: Any, processor: Any) -> int:
    """Return how many image tokens PaddleFormers writes for an image of this size.

    Its template's plug-in resizes first, its image processor then chooses a size of whole patches.
    Source: Qwen2VLPlugin._preprocess_image in paddleformers/datasets/template/mm_plugin.py, and the image
    processor's own count of patches.

    Raises:
        ValueError: the image processor refuses this size.
    """
    resized = plugin._preprocess_image(
        outline, image_max_pixels=processor.image_max_pixels, image_min_pixels=processor.image_min_pixels
    )
    images = processor.image_processor
    limits = {"min_pixels": images.size["shortest_edge"], "max_pixels": images.size["longest_edge"]}
    patches = images.get_number_of_image_patches(resized.height, resized.width, limits)
    return int(patches) // int(images.merge_size) ** 2
