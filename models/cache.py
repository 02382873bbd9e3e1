"""The keys and values of the tokens read so far, in buffers with room for the next tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.attention import MASKED, MaskOf, attend_grouped, attend_in_blocks, spread_over_heads

BLOCK = 64
"""Buffers grow by this many slots: growing copies them, and attention also computes the empty slots."""


@dataclass
class Cache:
    """Keys and values of each layer, (rows, heads, slots, width); the first `length` slots are in use.

    `states` are matrices, (rows x heads x slots, width), because Paddle writes rows of a matrix faster than a
    slice of a larger tensor. `mask` is (rows, heads, group, slots): 0 where a row sees a slot, `MASKED` at
    padding and empty slots. `pads` counts the padding slots at the left of each row; there can be more
    between its tokens.
    """

    states: list[tuple[Any, Any]]
    mask: Any
    length: int
    pads: list[int]
    _firsts: Any = field(default=None, repr=False)
    """The index of the first slot of each row and head in a state."""
    _places: Any = field(default=None, repr=False)
    """The indices of the open slots in a state, (rows x heads x tokens)."""
    _masks: MaskOf | None = field(default=None, repr=False)
    """The masks of the tokens in the open slots, if they are several."""

    @classmethod
    def of(cls, states: list[tuple[Any, Any]], pads: Sequence[int], group: int) -> "Cache":
        """Make the cache of left-padded prompts.

        `states` are each layer's keys and values (rows, heads, length, width); `group` queries share a key.
        """
        import numpy as np
        import paddle

        _, heads, length, _ = states[0][0].shape
        is_padding = np.arange(length) < np.asarray(pads)[:, None]
        mask = paddle.to_tensor(np.where(is_padding, MASKED, 0.0).astype("float32"))
        mask = mask.astype(states[0][0].dtype).unsqueeze([1, 2]).tile([1, heads, group, 1])
        return _copied(states, mask, pads, slice(0, length), length + BLOCK)

    @property
    def size(self) -> int:
        """The bytes of keys, values and mask."""
        tensors = [self.mask, *(state for pair in self.states for state in pair)]
        return sum(map(bytes_of, tensors))

    def prefix(self, row: int, tokens: int | None = None) -> "Cache":
        """Return a copy of a row without its padding, with its first tokens or all; it has no room for more.

        The row must have been read as a prompt: it has padding at the left only.
        """
        pad = self.pads[row]
        used = slice(pad, self.length if tokens is None else pad + tokens)
        states = self._map(lambda state: state[row : row + 1])
        return _copied(states, self.mask[row : row + 1], [pad], used, used.stop - pad)

    def alone(self, row: int) -> "Cache":
        """Return a copy of a row without any padding, also between its tokens; it has no room for more."""
        import paddle

        slots = paddle.nonzero(self.mask[row, 0, 0, : self.length] == 0).reshape([-1])
        states = self._map(lambda state: state[row : row + 1].index_select(slots, axis=2))
        mask = self.mask[row : row + 1].index_select(slots, axis=3)
        return Cache(_flat(states), mask, mask.shape[-1], [0])

    def attend(self, layer: int, queries: Any, keys: Any, values: Any) -> Any:
        """Write the keys and values of tokens into the open slots, and attend to all slots that a row sees.

        Queries are (rows, tokens, heads, group, width), keys and values (rows, tokens, heads, width).
        """
        all_keys, all_values = self.states[layer]
        tokens, width = keys.shape[1], keys.shape[3]
        if tokens > 1:  # otherwise the two orders are the same
            keys, values = keys.transpose([0, 2, 1, 3]), values.transpose([0, 2, 1, 3])
        all_keys.scatter_(self._places, keys.reshape([-1, width]))
        all_values.scatter_(self._places, values.reshape([-1, width]))
        all_keys, all_values = self._shaped(all_keys), self._shaped(all_values)
        if tokens == 1:
            return attend_grouped(queries, all_keys, all_values, self.mask)
        assert self._masks is not None
        return attend_in_blocks(queries, all_keys, all_values, self._masks)

    def open_slots(self, tokens: Sequence[int]) -> None:
        """Open as many slots as the largest of `tokens`, for the last `tokens[row]` of which a row has one.

        `attend` fills them; the caller then adds their number to `length`.
        """
        most = max(tokens)
        if self.length + most > self.mask.shape[-1]:
            grown = self._resized(0, self.length + most + BLOCK)
            self.states, self.mask, self._firsts = grown.states, grown.mask, None
        self._open_places(most)
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

        index, pads = paddle.to_tensor(list(rows)), [self.pads[row] for row in rows]
        states, mask = self._map(lambda state: state.index_select(index)), self.mask.index_select(index)
        unused, capacity = min(pads), mask.shape[-1]
        if unused:
            return _copied(states, mask, pads, slice(unused, self.length), capacity - unused)
        return Cache(_flat(states), mask, self.length, pads)

    def join(self, *others: "Cache", room: int = BLOCK) -> "Cache":
        """Return the cache of the rows of all, with room for so many tokens; their last slots are aligned."""
        import paddle

        caches = [self, *others]
        length = max(cache.length for cache in caches)
        moved = {id(cache): cache._resized(length - cache.length, length) for cache in caches}
        layers = {key: part._map(lambda state: state) for key, part in moved.items()}
        states = [
            (paddle.concat([keys for keys, _ in layer]), paddle.concat([values for _, values in layer]))
            for layer in zip(*(layers[id(cache)] for cache in caches), strict=True)
        ]
        parts = [moved[id(cache)] for cache in caches]
        mask, pads = (
            paddle.concat([part.mask for part in parts]),
            [pad for part in parts for pad in part.pads],
        )
        return _copied(states, mask, pads, slice(0, length), length + room)

    def _mask_of(self, start: int, stop: int) -> Any:
        """Return the mask (rows, 1, queries, slots) of tokens `start` to `stop` in the open slots."""
        import numpy as np
        import paddle

        slots = np.arange(self.mask.shape[-1])
        is_later = slots > np.arange(self.length + start, self.length + stop)[:, None]
        later = paddle.to_tensor(np.where(is_later, np.float32(MASKED), np.float32(0.0)))
        return paddle.minimum(self.mask[:, :1, :1], later.astype(self.mask.dtype))

    def _open_places(self, tokens: int) -> None:
        import paddle

        rows, heads, group, capacity = self.mask.shape
        if self._firsts is None:
            self._firsts = paddle.arange(rows * heads, dtype="int64") * capacity
        if tokens == 1:
            self._places = self._firsts + self.length
            return
        slots = paddle.arange(self.length, self.length + tokens, dtype="int64")
        self._places = (self._firsts.unsqueeze(1) + slots).reshape([-1])
        self._masks = spread_over_heads(self._mask_of, heads, group)

    def _shaped(self, state: Any) -> Any:
        """Return a state as (rows, heads, slots, width)."""
        rows, heads, _, capacity = self.mask.shape
        return state.reshape([rows, heads, capacity, state.shape[-1]])

    def _map(self, change: Callable[[Any], Any]) -> list[tuple[Any, Any]]:
        """Return each layer's keys and values changed; `change` gets (rows, heads, slots, width)."""
        return [(change(self._shaped(keys)), change(self._shaped(values))) for keys, values in self.states]

    def _resized(self, shift: int, capacity: int) -> "Cache":
        """Return the slots in use, moved by `shift` to the right, in buffers of `capacity` slots."""
        if shift == 0 and capacity == self.mask.shape[-1]:
            return self
        states = self._map(lambda state: state)
        return _copied(states, self.mask, self.pads, slice(0, self.length), capacity, start=shift)


def _flat(states: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return states (rows, heads, slots, width) as matrices."""
    return [
        (keys.reshape([-1, keys.shape[-1]]), values.reshape([-1, values.shape[-1]]))
        for keys, values in states
    ]


def _copied(
    states: list[tuple[Any, Any]], mask: Any, pads: Sequence[int], used: slice, capacity: int, start: int = 0
) -> Cache:
    """Return a cache of so many slots, with the used ones of states and mask copied to `start` and after it.

    The states are (rows, heads, slots, width).
    """
    import paddle

    place = slice(start, start + used.stop - used.start)

    def copied(state: Any) -> Any:
        rows, heads, _, width = state.shape
        buffer = paddle.zeros([rows, heads, capacity, width], state.dtype)
        buffer[:, :, place] = state[:, :, used]
        return buffer

    opened = paddle.full([*mask.shape[:-1], capacity], MASKED, mask.dtype)
    opened[..., place] = mask[..., used]
    moved = _flat([(copied(keys), copied(values)) for keys, values in states])
    return Cache(moved, opened, place.stop, [pad - used.start + start for pad in pads])


def bytes_of(tensor: Any) -> int:
    """Return the bytes that a tensor's elements take."""
    return int(tensor.size) * int(tensor.element_size())
