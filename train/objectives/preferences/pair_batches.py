"""Batches of pairs: both answers behind one prompt in a sequence, and the pixels of its image once.

A sequence is prompt, chosen answer, last token of the prompt again, rejected answer. The mask lets the
rejected answer see the prompt up to that token, and not the chosen answer
(paddleformers/datasets/DPODataset.py, lines 430 to 470).
"""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

PIXEL_KEYS = ("pixel_values", "image_grid_thw", "pixel_values_videos", "video_grid_thw")
"""What the vision tower reads; of several records it follows one another along the first axis."""


def collate_pairs(batch: Sequence[Sequence[Any]], text_collate: Any, model: Any) -> dict[str, Any]:
    """Return a batch as arrays: what `text_collate` makes of its text, with image positions and pixels.

    `batch` has a list of PaddleFormers' sequences for each row; `text_collate` is its dpo_collate_fn with all
    settings. `position_ids` has shape (3, rows, tokens): time, height and width.
    """
    arrays: dict[str, Any] = text_collate(batch)
    rows, length = arrays["input_ids"].shape
    positions = np.zeros((3, rows, length), dtype=np.int64)
    for row, pack in enumerate(batch):
        found = np.concatenate([pair_positions(sequence, model) for sequence in pack], axis=1)
        positions[:, row, : found.shape[1]] = found
    arrays["position_ids"] = positions
    for key in PIXEL_KEYS:
        parts = [
            _array(sequence.mm_inputs[key]) for pack in batch for sequence in pack if _has(sequence, key)
        ]
        if parts:
            arrays[key] = np.concatenate(parts, axis=0)
    return arrays


def pair_positions(sequence: Any, model: Any) -> Any:
    """Return the positions of a sequence's tokens, (3, tokens): each answer follows the prompt directly."""
    start, middle, end = sequence.response_index
    chosen, rejected = middle - start, end - middle
    with_chosen = sequence.token_ids[:-rejected]
    with_rejected = with_chosen[:-chosen] + sequence.token_ids[-rejected:]
    last = _positions(with_rejected, sequence, model)[:, -rejected:]
    return np.concatenate([_positions(with_chosen, sequence, model), last], axis=1)


def _positions(token_ids: Sequence[int], sequence: Any, model: Any) -> Any:
    """Return the positions that the model gives to a conversation with one answer, (3, tokens)."""
    import paddle

    index = model.get_rope_index if hasattr(model, "get_rope_index") else model.model.get_rope_index
    known = inspect.signature(index).parameters
    grids = {key: paddle.to_tensor(value) for key, value in sequence.mm_inputs.items() if key in known}
    tokens = paddle.to_tensor([list(token_ids)])
    found, _ = index(input_ids=tokens, **{**grids, "attention_mask": paddle.ones_like(tokens)})
    return found.numpy()[:, 0]


def _has(sequence: Any, key: str) -> bool:
    return key in sequence.mm_inputs and len(sequence.mm_inputs[key]) > 0


def _array(value: Any) -> Any:
    """Return a tensor, or a list of tensors, as an array."""
    return value.numpy() if hasattr(value, "numpy") else np.stack([np.asarray(item) for item in value])
