"""Attention of queries that share keys and values in groups, over padded batches."""

from collections.abc import Sequence
from typing import Any

MASKED = -1.0e30
"""What a mask adds to the scores of slots that a token must not see."""


def attend_grouped(queries: Any, keys: Any, values: Any, mask: Any) -> Any:
    """Attend with the queries of a group side by side, so that keys and values are not repeated.

    Queries are (rows, length, heads, group, width), keys and values (rows, heads, slots, width), where heads
    are those of the keys. The mask is (rows, heads, group x length, slots), 0 or `MASKED`. The result has the
    shape of the queries.
    """
    import paddle
    from paddle.nn import functional

    rows, length, heads, group, width = queries.shape
    queries = (queries * width**-0.5).transpose([0, 2, 3, 1, 4]).reshape([rows, heads, -1, width])
    scores = paddle.matmul(queries, keys, transpose_y=True) + mask
    weights = functional.softmax(scores, axis=-1, dtype="float32").astype(values.dtype)
    attended = paddle.matmul(weights, values).reshape([rows, heads, group, length, width])
    return attended.transpose([0, 3, 1, 2, 4])


def attend_fused(queries: Any, keys: Any, values: Any, mask: Any) -> Any:
    """Attend with Paddle's fused kernel.

    Queries are (rows, length, heads, group, width), keys and values (rows, length, heads, width), the mask
    (rows, 1, length, length).
    """
    from paddle.nn import functional

    rows, length, heads, group, width = queries.shape
    return functional.scaled_dot_product_attention(
        queries.reshape([rows, length, heads * group, width]), keys, values, mask, enable_gqa=True
    )


def left_padded_mask(pads: Sequence[int], length: int, dtype: Any) -> Any:
    """Return the causal mask (rows, 1, length, length) of prompts after so many padding tokens.

    A token sees itself and the tokens before it, but no padding. A padding token sees itself, because a
    softmax needs at least one slot.
    """
    import numpy as np
    import paddle

    slots = np.arange(length)
    is_seen = (slots[None, :] <= slots[:, None]) & (slots >= np.asarray(pads)[:, None, None])
    is_seen |= np.eye(length, dtype=bool)
    return paddle.to_tensor(np.where(is_seen, 0.0, MASKED)[:, None].astype("float32")).astype(dtype)
