"""What decides the encoding of a record, beside the record and its images."""

import hashlib
import math
from collections.abc import Iterator
from enum import Enum
from typing import Any

from grounding.errors import UserError
from train.cached.section import Settings

OTHER = "another one"
MOST_SHOWN = 40


def encoding_settings(
    tokenizer: Any, template: Any, processor: Any, truncation_strategy: str, max_seq_len: int
) -> dict[str, Any]:
    """Return the settings of a data set of PaddleFormers, as JSON has them.

    Records are stored at their full length if longer ones are deleted: max_seq_len does not matter then.

    Raises:
        UserError: the tokenizer cannot be told from others.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise UserError("the model's tokenizer has no tokenizer.json: its records cannot be cached")
    images = processor.image_processor
    limits = {"min_pixels": images.size["shortest_edge"], "max_pixels": images.size["longest_edge"]}
    length = {} if truncation_strategy == "delete" else {"max_seq_len": max_seq_len}
    return {
        **_versions(),
        "tokenizer": _digest(backend.to_str()),
        "template": _digest(repr(template)),
        "truncation_strategy": truncation_strategy,
        **length,
        **limits,
        "first resize": [_finite(processor.image_min_pixels), _finite(processor.image_max_pixels)],
        "image processor": type(images).__name__,
        **{
            name: plain
            for name, value in sorted(vars(images).items())
            if not name.startswith("_")
            and name not in ("size", *limits)
            and _is_plain(plain := _as_saved(value))
        },
    }


def setting_differences(cached: Settings, wanted: Settings) -> Iterator[str]:
    """Yield what differs between the settings of a cache and those of a run, in words."""
    for name in dict.fromkeys((*wanted, *cached)):
        there, here = cached.get(name), wanted.get(name)
        if there == here:
            continue
        if name in ("tokenizer", "template"):
            yield f"{name}: {OTHER}"
        else:
            yield f"{name}: {_short(there)} in the cache, {_short(here)} here"


def _versions() -> dict[str, str]:
    """Return the versions of the libraries that make token ids and pixels."""
    import numpy
    import paddle
    import paddleformers
    import PIL
    import tokenizers
    import transformers
    from PIL import features

    jpeg = features.version_feature("libjpeg_turbo") or features.version_codec("jpg")
    return {
        "PaddlePaddle": str(paddle.__version__),
        "PaddleFormers": str(paddleformers.__version__),
        "transformers": str(transformers.__version__),
        "tokenizers": str(tokenizers.__version__),
        "NumPy": numpy.__version__,
        "Pillow": f"{PIL.__version__} with libjpeg {jpeg}",
    }


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _as_saved(value: object) -> object:
    """Return a value as a saved model's folder has it: a trained model goes with the cache of its base."""
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _is_plain(value: object) -> bool:
    """Tell whether a value is one that JSON gives back as it was."""
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(item) for name, item in value.items())
    return value is None or type(value) in (bool, int, float, str)


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
