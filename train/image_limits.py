"""The limits on an image's size, as the image processor applies them in training and at inference."""

import math
from collections.abc import Mapping
from typing import Any


def limit_images(processor: Any, recipe: Mapping[str, Any]) -> None:
    """Set a recipe's limits on PaddleFormers' processor, and switch its own first resize off."""
    processor.image_max_pixels, processor.image_min_pixels = math.inf, 0
    limit_pixels(processor.image_processor, recipe.get("min_pixels"), recipe.get("max_pixels"))


def limit_pixels(image_processor: Any, min_pixels: int | None, max_pixels: int | None) -> None:
    """Set an image processor's limits, in pixels; None keeps its own.

    The processor reads `size` when it is built, and prefers `min_pixels` with `max_pixels` when it works.
    Both names get the same values.
    """
    size = image_processor.size
    lower = size["shortest_edge"] if min_pixels is None else min_pixels
    upper = size["longest_edge"] if max_pixels is None else max_pixels
    image_processor.size = {"shortest_edge": lower, "longest_edge": upper}
    image_processor.min_pixels, image_processor.max_pixels = lower, upper
