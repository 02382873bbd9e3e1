"""Attention of queries that share keys and values in groups, over padded batches."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

MaskOf = Callable[[int, int], Any]
"""From the first query of a block and the one behind its last to the block's mask."""

MASKED = -1.0e30
"""What a mask adds to the scores of slots that a token must not see."""

SCORES_AT_ONCE = 1 << 26
"""Attention by blocks of queries holds this many scores, 256 MiB in float32, so that memory grows with the
length of a prompt and not with its square."""

SPREAD_ELEMENTS = 1 << 24
"""The most elements of a mask that is repeated for every head: adding one that is not takes Paddle's CPU
kernel four times as long, and repeating takes memory."""

LEAST_BLOCK = 64
"""Blocks have at least so many queries: matrix products of fewer rows are rounded in another order."""


def attend_grouped(queries: Any, keys: Any, values: Any, mask: Any) -> Any:
    """Attend with the queries of a group side by side, so that keys and values are not repeated.

    Queries are (rows, length, heads, group, width), keys and values (rows, heads, slots, width), where heads
    are those of the keys. The mask is (rows, heads, group x length, slots), 0 or `MASKED`. The result has the
    shape of the queries.
    """
    import paddle
    from paddle.nn import functional

    rows, length, heads, group, width = queries.shape
    queries = queries * width**-0.5
    if length > 1:  # otherwise the two orders are the same
        queries = queries.transpose([0, 2, 3, 1, 4])
    queries = queries.reshape([rows, heads, group * length, width])
    scores = paddle.matmul(queries, keys, transpose_y=True) + mask
    if scores.dtype == paddle.float32:
        weights = functional.softmax(scores)
    else:
        weights = functional.softmax(scores, axis=-1, dtype="float32").astype(values.dtype)
    attended = paddle.matmul(weights, values)
    if length == 1:
        return attended.reshape([rows, 1, heads, group, width])
    return attended.reshape([rows, heads, group, length, width]).transpose([0, 3, 1, 2, 4])


def attend_in_blocks(queries: Any, keys: Any, values: Any, mask_of: MaskOf) -> Any:
    """Attend as `attend_grouped` does, with the masks of `spread_over_heads`."""
    import paddle

    rows, length, heads, group, _ = queries.shape
    parts = [
        attend_grouped(queries[:, start:stop], keys, values, mask_of(start, stop))
        for start, stop in query_blocks(length, rows * heads * group, keys.shape[2])
    ]
    return parts[0] if len(parts) == 1 else paddle.concat(parts, axis=1)


def spread_over_heads(mask_of: MaskOf, heads: int, group: int) -> MaskOf:
    """Return masks as `attend_grouped` takes them, from those that are (rows, 1, queries, slots).

    The last one is remembered: layers share the mask of a prompt that is one block.
    """

    @lru_cache(maxsize=1)
    def spread(start: int, stop: int) -> Any:
        mask = mask_of(start, stop)
        repeated = heads if int(mask.size) * heads * group <= SPREAD_ELEMENTS else 1
        return mask.tile([1, repeated, group, 1])

    return spread


def query_blocks(length: int, rows: int, slots: int) -> list[tuple[int, int]]:
    """Return start and stop of each block of queries over so many slots; `rows` counts those of all heads."""
    most = SCORES_AT_ONCE // (rows * slots) // LEAST_BLOCK * LEAST_BLOCK
    size = max(LEAST_BLOCK, most)
    starts = list(range(0, max(1, length - LEAST_BLOCK + 1), size))  # the last block takes a small rest, too
    return list(zip(starts, [*starts[1:], length], strict=True))


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


def left_padded_mask(
    pads: Sequence[int], length: int, dtype: Any, start: int = 0, stop: int | None = None
) -> Any:
    """Return the causal mask (rows, 1, queries, length) of prompts after so many padding tokens.

    A token sees itself and the tokens before it, but no padding. A padding token sees itself, because a
    softmax needs at least one slot. The queries are the tokens from `start` to `stop` (None: the end).
    """
    import numpy as np
    import paddle

    slots = np.arange(length)
    own = slots[start:stop, None]
    is_seen = (slots <= own) & (slots >= np.asarray(pads)[:, None, None])
    is_seen |= slots == own
    mask = np.where(is_seen, np.float32(0.0), np.float32(MASKED))
    return paddle.to_tensor(mask[:, None]).astype(dtype)
