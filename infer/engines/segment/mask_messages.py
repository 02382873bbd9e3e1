"""How client and worker write pictures, prompts and masks in JSON.

A request is {"picture": {"png": base64} or {"digest": hash}, "clicks": [[x, y, true], ...],
"box": [x1, y1, x2, y2] or null}. The hash stands for a picture that was sent before (`digest_of`). The answer
is {"masks": [{"png": base64, "score": number or null}, ...]}, the best first, each a PNG of one bit in the
picture's size.
"""

import base64
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from grounding.boxes import Size
from grounding.images.region_pictures import Mask
from infer.engines.segment.segmenter import MaskPrompt, ScoredMask

MASKS_PATH = "/v1/masks"
UNKNOWN_PICTURE = "unknown_picture"
"""The code of the error that asks for a picture itself, in place of its hash."""

MOST_MASKS = 8
"""In an answer; SAM 2 gives three."""


class NoMasksError(ValueError):
    """An answer that is not made of masks of the picture; the message says why."""


def prompt_fields(prompt: MaskPrompt) -> dict[str, Any]:
    """Return the fields of a request that hold its prompt."""
    return {
        "clicks": [[click.x, click.y, click.is_positive] for click in prompt.clicks],
        "box": None if prompt.box is None else list(prompt.box.xyxy),
    }


def picture_field(picture: Image.Image) -> dict[str, str]:
    """Return the field of a request that holds an RGB picture."""
    return {"png": _png(picture)}


def answer_body(masks: Sequence[ScoredMask]) -> dict[str, Any]:
    """Return an answer."""
    return {
        "masks": [
            {"png": _png(Image.fromarray(each.mask)), "score": each.score} for each in masks[:MOST_MASKS]
        ]
    }


def read_masks(body: Any, size: Size) -> tuple[ScoredMask, ...]:
    """Return the masks of an answer about a picture of a size; the server is not trusted.

    Raises:
        NoMasksError: it is none, or has masks of another size.
    """
    masks = body.get("masks") if isinstance(body, dict) else None
    if not isinstance(masks, list) or not 0 < len(masks) <= MOST_MASKS:
        raise NoMasksError(f"no list of 1 to {MOST_MASKS} masks")
    return tuple(_scored_masks(masks, size))


def _scored_masks(masks: Sequence[Any], size: Size) -> Iterator[ScoredMask]:
    for mask in masks:
        score = mask.get("score") if isinstance(mask, dict) else ""
        is_number = isinstance(score, (int, float)) and not isinstance(score, bool)
        if not (score is None or (is_number and math.isfinite(float(score)))):
            raise NoMasksError("a score that is no number")
        yield ScoredMask(_read_mask(mask.get("png"), size), None if score is None else float(score))


def _read_mask(text: Any, size: Size) -> Mask:
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"]) as image:
            if image.size != (size.width, size.height) or image.mode != "1":
                raise NoMasksError(
                    f"a mask of {image.width}x{image.height} pixels (mode {image.mode}) about a picture of "
                    f"{size.width}x{size.height}"
                )
            return np.array(image, dtype=np.bool_)
    except NoMasksError:
        raise
    except (OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError) as error:
        raise NoMasksError(f"a mask that is no PNG ({type(error).__name__})") from error


def _png(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)  # time counts more than size between two processes
    return base64.b64encode(file.getvalue()).decode("ascii")
