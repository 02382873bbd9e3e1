"""What has a special meaning: PaddleFormers' placeholders, Qwen's grounding tokens, and marks of rows."""

from collections.abc import Mapping
from typing import Any

IMAGE_PLACEHOLDER = "<image>"
"""The place of the image in a user message."""

REF_PLACEHOLDER, BOX_PLACEHOLDER = "<ref-object>", "<bbox>"
"""The place of a label and of a box; a record's `objects` hold them, under the keys `ref` and `bbox`."""

REF_START, REF_END = "<|object_ref_start|>", "<|object_ref_end|>"
BOX_START, BOX_END = "<|box_start|>", "<|box_end|>"
GROUNDING_TOKENS = (REF_START, REF_END, BOX_START, BOX_END)
"""The tokens around a label and a box in the text that the model is trained on."""

MARKUP = (
    *("<|", "|>", REF_PLACEHOLDER, BOX_PLACEHOLDER, IMAGE_PLACEHOLDER, "<video>", "<audio>"),
    *("<think>", "</think>"),
)
"""What a label must not contain: it would be taken for a placeholder, a special token, or a thought's end."""


PICTURE_MARKUP = (
    *(IMAGE_PLACEHOLDER, "<video>", "<audio>"),
    *("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"),
)
"""What an answer that is learned must not contain: training would look for a picture there."""


def find_markup(label: str) -> str | None:
    """Return the first piece of markup in a label, or None."""
    return next((mark for mark in MARKUP if mark in label), None)


def mark_of_row(row: Any, key: str, *parts: str) -> Mapping[str, Any] | None:
    """Return what a row holds under the key of a mark, None if that has not all of the mark's parts.

    It is no mark then: the row may be another tool's.
    """
    mark = row.get(key) if isinstance(row, Mapping) else None
    return mark if isinstance(mark, Mapping) and mark.keys() >= set(parts) else None
