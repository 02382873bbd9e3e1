"""Qwen3-VL's forward pass over the layers of a loaded Paddle model, for prompts and for single tokens.

PaddleFormers' own forward spends most of a small step on overhead: a mask over all images in the vision
tower, copies of keys and values at every token, positions computed one row at a time. This one computes the
same (the tests compare the logits). It calls the model's own layers, so adapters, tensor parallel layers and
experts work.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from models.attention import attend_fused, attend_in_blocks, left_padded_mask, spread_over_heads
from models.cache import Cache
from models.family import EncodedImage, Prompt, ReadPrompts
from models.qwen3_vl.positions import text_positions
from models.qwen3_vl.text_layers import TextLayers
from models.qwen3_vl.vision_tower import read_images

ROTATIONS = 1 << 8
"""The table of rotations covers so many positions after those that are needed."""


class Forward:
    """The forward pass of a loaded model; make a new one after the weights have changed."""

    def __init__(self, model: Any) -> None:
        """Take a plain Paddle Qwen3-VL, dense or mixture of experts."""
        self.model = model
        self.layers = TextLayers(model.model.language_model)
        self.uses_sdpa = model.config.text_config._attn_implementation == "sdpa"
        self._rotations: tuple[range, Any, Any] | None = None

    def read_prompts(self, prompts: Sequence[Prompt], pad_id: int) -> ReadPrompts:
        """Read prompts as one left-padded batch."""
        import numpy as np
        import paddle

        own = [self._positions(prompt) for prompt in prompts]
        length = max(each.shape[1] for each in own)
        pads = [length - each.shape[1] for each in own]
        ids, positions = np.full((len(prompts), length), pad_id), np.zeros((3, len(prompts), length), "int64")
        for row, prompt in enumerate(prompts):
            ids[row, pads[row] :] = prompt.token_ids
            positions[:, row, pads[row] :] = own[row]
        hidden, deepstack = self._embed(ids, [image for prompt in prompts for image in prompt.images])
        states: list[tuple[Any, Any]] = []
        attend = self._attend_to_prompt(partial(left_padded_mask, pads, length, hidden.dtype), states)
        cos, sin = self.layers.rotations(hidden, paddle.to_tensor(positions))
        logits = self._logits(self.layers.run(hidden, cos, sin, attend, deepstack)[:, -1:])[:, 0]
        cache = Cache.of(states, pads, self.layers.group)
        return ReadPrompts(logits, cache, [int(each.max()) for each in own])

    def extend_prompts(self, prompts: Sequence[Prompt], starts: Sequence[int], cache: Cache) -> ReadPrompts:
        """Feed the rest of prompts whose first `starts[row]` tokens each row has read, with its images.

        A start lies between images; the cache is extended. Every prompt has a rest.
        """
        import numpy as np
        import paddle

        own = [self._positions(prompt) for prompt in prompts]
        counts = [len(prompt.token_ids) - start for prompt, start in zip(prompts, starts, strict=True)]
        most = max(counts)
        ids, positions = np.zeros((len(prompts), most), "int64"), np.zeros((3, len(prompts), most), "int64")
        images: list[EncodedImage] = []
        for row, (prompt, start) in enumerate(zip(prompts, starts, strict=True)):
            ids[row, most - counts[row] :] = prompt.token_ids[start:]
            positions[:, row, most - counts[row] :] = own[row][:, start:]
            read = prompt.token_ids[:start].count(self.model.config.image_token_id)
            tokens = np.cumsum([image.tokens for image in prompt.images])
            images += prompt.images[int((tokens <= read).sum()) :]
        hidden, deepstack = self._embed(ids, images)
        cos, sin = self.layers.rotations(hidden, paddle.to_tensor(positions))
        cache.open_slots(counts)
        hidden = self.layers.run(hidden, cos, sin, cache.attend, deepstack)
        cache.length += most
        logits = self._logits(hidden[:, -1:])[:, 0]
        return ReadPrompts(logits, cache, [int(each.max()) for each in own])

    def extend(
        self,
        token_ids: Sequence[Sequence[int]],
        positions: Sequence[int],
        cache: Cache,
        *,
        every: bool = False,
    ) -> Any:
        """Feed text tokens of each row, and extend the cache.

        `positions` are those of each row's first token. Rows with fewer tokens than others, or none, are
        padded at the left. Returns float32 logits (rows, 1, vocabulary) after the last tokens; with `every`,
        those after every token, (rows, tokens, vocabulary), without a meaning at padding.
        """
        hidden = self.extend_states(token_ids, positions, cache)
        return self._logits(hidden if every else hidden[:, -1:])

    def extend_states(
        self, token_ids: Sequence[Sequence[int]], positions: Sequence[int], cache: Cache
    ) -> Any:
        """Feed text tokens as `extend` does, and return the last layer's normalised output after each.

        It is (rows, tokens, width), without a meaning at padding; every rank has all of it.
        """
        import numpy as np
        import paddle

        counts = [len(ids) for ids in token_ids]
        most = max(counts)
        fed = np.zeros((2, len(counts), most), "int64")
        ids, places = fed
        places += max(0, min(positions))
        for row, (count, first) in enumerate(zip(counts, positions, strict=True)):
            ids[row, most - count :] = token_ids[row]
            places[row, most - count :] = np.arange(first, first + count)
        covered, cos, sin = self._rotation_table(int(places.min()), int(places.max()))
        places -= covered.start
        both = paddle.to_tensor(fed)
        hidden, index = self.model.get_input_embeddings()(both[0]), both[1].reshape([-1])
        shape = [len(counts), most, *cos.shape[1:]]
        cos, sin = (table.index_select(index).reshape(shape) for table in (cos, sin))
        cache.open_slots(counts)
        hidden = self.layers.run(hidden, cos, sin, cache.attend)
        cache.length += most
        return hidden

    def _positions(self, prompt: Prompt) -> Any:
        config = self.model.config
        return text_positions(prompt, config.image_token_id, config.vision_config.spatial_merge_size)

    def _embed(self, ids: Any, images: Sequence[EncodedImage]) -> tuple[Any, list[Any]]:
        """Return embeddings (rows, length, width) of ids, and what each first text layer adds to them.

        Image tokens are replaced by the features of the vision tower, image after image.
        """
        import numpy as np
        import paddle

        hidden = self.model.get_input_embeddings()(paddle.to_tensor(ids))
        if not images:
            return hidden, []
        places = paddle.to_tensor(np.flatnonzero(ids == self.model.config.image_token_id))
        features = read_images(self.model.model.visual, images)
        last, *deepstack = [paddle.concat(parts) for parts in zip(*features, strict=True)]
        flat = hidden.reshape([-1, hidden.shape[-1]])
        embedded = paddle.scatter(flat, places, last.astype(flat.dtype)).reshape(hidden.shape)
        added = [
            paddle.scatter(paddle.zeros_like(flat), places, inner.astype(flat.dtype)).reshape(hidden.shape)
            for inner in deepstack
        ]
        return embedded, added

    def _attend_to_prompt(
        self, mask_of: Callable[..., Any], states: list[tuple[Any, Any]]
    ) -> Callable[[int, Any, Any, Any], Any]:
        """Return the attention among a prompt's tokens; it appends each layer's keys and values to states."""
        blocks = spread_over_heads(mask_of, self.layers.heads, self.layers.group)
        whole = lru_cache(maxsize=1)(mask_of)

        def attend(layer: int, queries: Any, keys: Any, values: Any) -> Any:
            del layer
            states.append((keys.transpose([0, 2, 1, 3]), values.transpose([0, 2, 1, 3])))
            if self.uses_sdpa:
                return attend_fused(queries, keys, values, whole())
            return attend_in_blocks(queries, *states[-1], blocks)

        return attend

    def _rotation_table(self, first: int, last: int) -> tuple[range, Any, Any]:
        """Return positions of text from `first` to `last` and more, and their cosines and sines.

        These are (positions, key heads, group + 1, width) each.
        """
        import paddle

        known = self._rotations
        if known is None or first not in known[0] or last not in known[0]:
            covered = range(first, last + ROTATIONS)
            positions = paddle.arange(covered.start, covered.stop, dtype="int64").reshape([1, 1, -1])
            cos, sin = self.layers.rotations(self.layers.sample, positions.expand([3, 1, -1]))
            self._rotations = known = covered, cos[0], sin[0]
        return known

    def _logits(self, hidden: Any) -> Any:
        """Return float32 logits (rows, tokens, vocabulary) of (rows, tokens, width); ranks exchange parts."""
        import paddle

        head = self.model.lm_head
        if not head.weight.is_distributed:
            return head(hidden).astype("float32")
        group = paddle.distributed.fleet.get_hybrid_communicate_group().get_model_parallel_group()
        parts: list[Any] = []
        own = paddle.matmul(hidden, head.weight, transpose_y=True)
        paddle.distributed.all_gather(parts, own, group=group)
        return paddle.concat(parts, axis=-1).astype("float32")
