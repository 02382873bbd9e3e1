"""Give images the same size in training as at inference.

Upstream: MMPluginMixin (paddleformers/datasets/template/mm_plugin.py, lines 203 and 296) shrinks an image to
    768 x 768 pixels before the image processor sees it. No inference tool does that. The keys min_pixels and
    max_pixels are accepted and ignored.
Patch: switch the first resize off, and set the recipe's limits on the image processor. The processor is saved
    with the checkpoint, so that other tools use the same limits.
Remove: when PaddleFormers applies min_pixels and max_pixels to the image processor and to nothing else.
"""

from collections.abc import Mapping
from typing import Any

from train.image_limits import limit_images


def one_image_resolution(recipe: Mapping[str, Any]) -> str:
    """Set the recipe's limits on every processor that is loaded from now on."""
    from paddleformers.transformers import AutoProcessor

    load = AutoProcessor.from_pretrained

    def from_pretrained(*args: Any, **kwargs: Any) -> Any:
        processor = load(*args, **kwargs)
        limit_images(processor, recipe)
        return processor

    AutoProcessor.from_pretrained = from_pretrained
    return "one_image_resolution"
