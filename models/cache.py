"""The keys and values of the tokens read so far, in buffers with room for the next tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.attention import MASKED, attend_grouped, attend_in_blocks

BLOCK = 64
"""Buffers grow by this many slots: growing copies them, and attention also computes the empty slots."""


@dataclass
class Cache:
    """Keys and values of each layer, (rows, heads, slots, width); the first `length` slots are in use.

    `mask` is (rows, heads, group, slots): 0 where a row sees a slot, `MASKED` at padding and empty slots.
    `pads` counts the padding slots at the left of each row; there can be more between its tokens.
    """

    states: list[tuple[Any, Any]]
    mask: Any
    length: int
    pads: list[int]

    @classmethod
    def of(cls, states: list[tuple[Any, Any]], pads: Sequence[int], group: int) -> "Cache":
        """Make the cache of left-padded prompts; `group` queries share the keys of a head."""
        import numpy as np
        import paddle

        _, heads, length, _ = states[0][0].shape
        is_padding = np.arange(length) < np.asarray(pads)[:, None]
        mask = paddle.to_tensor(np.where(is_padding, MASKED, 0.0).astype("float32"))
        mask = mask.astype(states[0][0].dtype).unsqueeze([1, 2]).tile([1, heads, group, 1])
        return cls(states, mask, length, list(pads))._moved(0, length + BLOCK)

    @property
    def size(self) -> int:
        """The bytes of keys, values and mask."""
        tensors = [self.mask, *(state for pair in self.states for state in pair)]
        return sum(int(tensor.size) * int(tensor.element_size()) for tensor in tensors)

    def prefix(self, row: int, tokens: int | None = None) -> "Cache":
        """Return a copy of a row without its padding, with its first tokens or all; it has no room for more.

        The row must have been read as a prompt: it has padding at the left only.
        """
        start = self.pads[row]
        slots = slice(start, self.length if tokens is None else start + tokens)
        states = [
            (keys[row : row + 1, :, slots].clone(), values[row : row + 1, :, slots].clone())
            for keys, values in self.states
        ]
        return Cache(states, self.mask[row : row + 1, ..., slots].clone(), slots.stop - start, [0])

    def attend(self, layer: int, queries: Any, keys: Any, values: Any) -> Any:
        """Write the keys and values of tokens into the open slots, and attend to all slots that a row sees.

        Queries are (rows, tokens, heads, group, width), keys and values (rows, tokens, heads, width).
        """
        all_keys, all_values = self.states[layer]
        tokens = keys.shape[1]
        slots = slice(self.length, self.length + tokens)
        all_keys[:, :, slots] = keys.transpose([0, 2, 1, 3])
        all_values[:, :, slots] = values.transpose([0, 2, 1, 3])
        if tokens == 1:
            return attend_grouped(queries, all_keys, all_values, self.mask)
        return attend_in_blocks(queries, all_keys, all_values, self._mask_of)

    def open_slots(self, tokens: Sequence[int]) -> None:
        """Open as many slots as the largest of `tokens`, for the last `tokens[row]` of which a row has one.

        `attend` fills them; the caller then adds their number to `length`.
        """
        most = max(tokens)
        if self.length + most > self.mask.shape[-1]:
            grown = self._moved(0, self.length + most + BLOCK)
            self.states, self.mask = grown.states, grown.mask
        if min(tokens) == most:
            self.mask[..., self.length : self.length + most] = 0.0
            return
        for row, count in enumerate(tokens):
            if count:
                self.mask[row, ..., self.length + most - count : self.length + most] = 0.0

    def keep(self, rows: Sequence[int]) -> "Cache":
        """Return the cache of these rows, without the slots at the left that only the others used.

        A row can be given several times: each copy goes its own way.
        """
        import paddle

        index = paddle.to_tensor(list(rows))
        states = [(keys.index_select(index), values.index_select(index)) for keys, values in self.states]
        pads = [self.pads[row] for row in rows]
        kept = Cache(states, self.mask.index_select(index), self.length, pads)
        unused = min(pads)
        return kept._moved(-unused, self.mask.shape[-1] - unused) if unused else kept

    def join(self, *others: "Cache", room: int = BLOCK) -> "Cache":
        """Return the cache of the rows of all, with room for so many tokens; their last slots are aligned."""
        import paddle

        caches = [self, *others]
        length = max(cache.length for cache in caches)
        moved = {id(cache): cache._moved(length - cache.length, length) for cache in caches}
        parts = [moved[id(cache)] for cache in caches]
        states = [
            (paddle.concat([keys for keys, _ in layer]), paddle.concat([values for _, values in layer]))
            for layer in zip(*(part.states for part in parts), strict=True)
        ]
        mask, pads = (
            paddle.concat([part.mask for part in parts]),
            [pad for part in parts for pad in part.pads],
        )
        return Cache(states, mask, length, pads)._moved(0, length + room)

    def _mask_of(self, start: int, stop: int) -> Any:
        """Return the mask (rows, 1, queries, slots) of tokens `start` to `stop` in the open slots."""
        import numpy as np
        import paddle

        slots = np.arange(self.mask.shape[-1])
        is_later = slots > np.arange(self.length + start, self.length + stop)[:, None]
        later = paddle.to_tensor(np.where(is_later, np.float32(MASKED), np.float32(0.0)))
        return paddle.minimum(self.mask[:, :1, :1], later.astype(self.mask.dtype))

    def _moved(self, shift: int, capacity: int) -> "Cache":
        """Move the slots in use by `shift` to the right, and give the buffers `capacity` slots.

        A negative shift drops slots at the left.
        """
        from paddle.nn.functional import pad

        if shift == 0 and capacity == self.mask.shape[-1]:
            return self
        used, left = slice(max(0, -shift), self.length), max(0, shift)
        right = capacity - self.length - shift
        states = [
            (pad(keys[:, :, used], [0, 0, left, right]), pad(values[:, :, used], [0, 0, left, right]))
            for keys, values in self.states
        ]
        mask = pad(self.mask[..., used], [left, right, 0, 0], value=MASKED)
        return Cache(states, mask, self.length + shift, [pads + shift for pads in self.pads])
