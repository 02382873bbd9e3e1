"""Load tokenizers and image processors: no code of a model's folder runs, and wrong values are named."""

import math
from typing import Any

from grounding.errors import UserError
from models.libraries import blaming, hide_paddlefleet, keep_model_code_out

MOST_PATCH = 1024
"""The largest side of a patch, in pixels, that is taken for a model's; Qwen3-VL's have 16."""

MOST_PIXELS = 1 << 31
"""The largest limit of an image's pixels that is taken for a model's; Qwen3-VL's is 1 << 24."""

PATCHES, LIMITS = ("patch_size", "temporal_patch_size", "merge_size"), ("min_pixels", "max_pixels")


def load_processor(model: object, **options: Any) -> Any:
    """Load tokenizer, chat template and image processor of a folder or a hub's model; no code of it runs.

    Raises:
        UserError: they cannot be loaded, or a setting of the image processor is none.
    """
    hide_paddlefleet()
    from paddleformers.transformers import AutoProcessor

    keep_model_code_out()
    with blaming(model, "tokenizer and image processor"):
        processor = AutoProcessor.from_pretrained(str(model), trust_remote_code=False, **options)
        settings = vars(processor.image_processor)
    check_image_settings(settings, f"{model}: preprocessor_config.json")
    return processor


def load_tokenizer(model: object) -> Any:
    """Load the tokenizer of a folder or a hub's model; no code of it runs.

    Raises:
        UserError: it cannot be loaded.
    """
    hide_paddlefleet()
    from paddleformers.transformers import AutoTokenizer

    keep_model_code_out()
    with blaming(model, "tokenizer"):
        return AutoTokenizer.from_pretrained(str(model), trust_remote_code=False)


def check_image_settings(settings: dict[str, Any], where: str) -> None:
    """Check the numbers of an image processor; settings that are missing or None are its own defaults.

    Raises:
        UserError: one has another type, or is out of its range.
    """
    size = settings.get("size")
    values = {name: settings.get(name) for name in (*PATCHES, *LIMITS)}
    if size is not None and not isinstance(size, dict):
        raise UserError(f"{where}: size is {str(size)[:40]!r}, not an object")
    values |= size or {}
    for name, value in values.items():
        most = MOST_PATCH if name in PATCHES else MOST_PIXELS
        if value is not None and not (_is_whole(value) and 1 <= value <= most):
            raise UserError(f"{where}: {name} is {str(value)[:40]!r}, not a number from 1 to {most:,}")
    for name in ("image_mean", "image_std"):
        three = settings.get(name)
        if three is not None and not (
            isinstance(three, list | tuple) and len(three) == 3 and all(map(_is_finite, three))
        ):
            raise UserError(f"{where}: {name} is {str(three)[:40]!r}, not three numbers")
    if not _is_finite(settings.get("rescale_factor", 1)):
        raise UserError(f"{where}: rescale_factor is {str(settings['rescale_factor'])[:40]!r}, not a number")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
