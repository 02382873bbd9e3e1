"""Batches that say which of their labels are digits of coordinates."""

from collections.abc import Callable, Sequence
from typing import Any

from train.objectives.coordinates.coordinate_digits import coordinate_codes, digit_token_ids
from train.objectives.coordinates.distance_targets import NO_DIGIT

CODES_KEY = "grounding_coordinate_codes"
"""The key of a batch under which the codes are, int64, of the shape of its labels."""

Collator = Callable[..., dict[str, Any]]


def with_codes(collate: Collator) -> Collator:
    """Return PaddleFormers' collator of supervised fine-tuning (mm_collate_fn) with codes in its batches."""
    digit_ids: list[int] = []

    def collate_with_codes(batch: Sequence[Sequence[Any]], *, tokenizer: Any, **options: Any) -> Any:
        inputs = collate(batch, tokenizer=tokenizer, **options)
        digit_ids[:] = digit_ids or digit_token_ids(tokenizer)
        # With padding_free all records are one row, as in the collator.
        packs = [[each for pack in batch for each in pack]] if options.get("padding_free") else batch
        rows = [
            [code for record in pack for code in coordinate_codes(record.labels, tokenizer, digit_ids)]
            for pack in packs
        ]
        return {**inputs, CODES_KEY: _padded(rows, inputs["labels"])}

    return collate_with_codes


def _padded(rows: Sequence[Sequence[int]], labels: Any) -> Any:
    import numpy as np
    import paddle

    padded = np.full(labels.shape, NO_DIGIT, dtype=np.int64)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = row
    return paddle.to_tensor(padded)
