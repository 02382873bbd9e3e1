"""Keys and values of the tokens read so far, in buffers with room for what is to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.qwen3_vl.forward import MASKED, attend_grouped

BLOCK = 64
"""Buffers grow by so many slots at once: growing copies them, and attention pays for empty slots."""


@dataclass
class Cache:
    """Keys and values of each layer, (rows, heads, slots, width), the first `length` slots in use.

    `mask` is (rows, heads, group, slots): 0 where a row sees a slot, `MASKED` at padding and empty slots.
    """

    states: list[tuple[Any, Any]]
    mask: Any
    length: int

    @classmethod
    def of(cls, states: list[tuple[Any, Any]], pads: Sequence[int], group: int) -> "Cache":
        """Take what was computed for prompts with so many padding slots at their left."""
        import paddle

        _, heads, length, _ = states[0][0].shape
        is_padding = np.arange(length) < np.asarray(pads)[:, None]
        mask = paddle.to_tensor(np.where(is_padding, MASKED, 0.0).astype("float32"))
        mask = mask.astype(states[0][0].dtype).unsqueeze([1, 2]).tile([1, heads, group, 1])
        return cls(states, mask, length)._moved(0, length + BLOCK)

    def attend(self, layer: int, queries: Any, keys: Any, values: Any) -> Any:
        """Write a token's keys and values into the open slot, and attend to all that a row sees."""
        all_keys, all_values = self.states[layer]
        slot = slice(self.length, self.length + 1)
        all_keys[:, :, slot] = keys.transpose([0, 2, 1, 3])
        all_values[:, :, slot] = values.transpose([0, 2, 1, 3])
        return attend_grouped(queries, all_keys, all_values, self.mask)

    def open_slot(self) -> None:
        """Let every row see the next slot, which `attend` fills; the caller counts it in `length`."""
        if self.length == self.mask.shape[-1]:
            grown = self._moved(0, self.length + BLOCK)
            self.states, self.mask = grown.states, grown.mask
        self.mask[..., self.length] = 0.0

    def keep(self, rows: Sequence[int], first_slot: int) -> "Cache":
        """Return the cache of these rows without the slots before the first."""
        import paddle

        index = paddle.to_tensor(list(rows))
        states = [(keys.index_select(index), values.index_select(index)) for keys, values in self.states]
        capacity = self.mask.shape[-1] - first_slot
        return Cache(states, self.mask.index_select(index), self.length)._moved(-first_slot, capacity)

    def join(self, other: "Cache") -> "Cache":
        """Return a cache of both's rows, whose last slots in use lie side by side."""
        import paddle

        length = max(self.length, other.length)
        one, two = (cache._moved(length - cache.length, length + BLOCK) for cache in (self, other))
        states = [
            (paddle.concat([keys, more_keys]), paddle.concat([values, more_values]))
            for (keys, values), (more_keys, more_values) in zip(one.states, two.states, strict=True)
        ]
        return Cache(states, paddle.concat([one.mask, two.mask]), length)

    def _moved(self, shift: int, capacity: int) -> "Cache":
        """Move the slots in use to the right, or to the left out of the buffer, and give it a capacity."""
        from paddle.nn.functional import pad

        used, left = slice(max(0, -shift), self.length), max(0, shift)
        right = capacity - self.length - shift
        states = [
            (pad(keys[:, :, used], [0, 0, left, right]), pad(values[:, :, used], [0, 0, left, right]))
            for keys, values in self.states
        ]
        mask = pad(self.mask[..., used], [left, right, 0, 0], value=MASKED)
        return Cache(states, mask, self.length + shift)
