"""Qwen3-VL's forward pass, over the layers of a loaded Paddle model, for reading prompts and single tokens.

PaddleFormers' own forward spends most of a small step on the way: a mask over all images in the vision
tower, keys and values copied at every token, positions worked out one row at a time. What is computed here
is the same (the tests compare the logits). Matrices are reached by calling the model's own layers, so that
adapters and tensor parallel layers do their part.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from infer.engines.paddle.encoding import Prompt
from models.qwen3_vl.vision_tower import read_images

MASKED = -1.0e30

Attention = Callable[[int, Any, Any, Any], Any]
"""Number of the layer, queries (rows, length, key heads, group, width), keys and values (rows, length, key
heads, width) -> what was attended to, shaped as the queries."""


class Forward:
    """A model's layers, put in order for one call of generate; the weights may change between calls."""

    def __init__(self, model: Any) -> None:
        """Take a plain Paddle Qwen3-VL."""
        import paddle

        self.model = model
        self.text = model.model.language_model
        self.group = self.text.layers[0].self_attn.num_key_value_groups
        self.uses_sdpa = model.config.text_config._attn_implementation == "sdpa"
        # One norm for the queries of a group and their key, which share a row of the fused projection.
        self.query_key_weights = [
            paddle.concat(
                [
                    layer.self_attn.q_norm.weight.expand([self.group, -1]),
                    layer.self_attn.k_norm.weight.unsqueeze(0),
                ]
            )
            for layer in self.text.layers
        ]

    def read_prompts(
        self, prompts: Sequence[Prompt], positions: Any, pad_id: int
    ) -> tuple[Any, list[tuple[Any, Any]]]:
        """Read prompts, padded on the left, and return logits after the last token, and keys and values.

        `positions` is (3, rows, length); keys and values of each layer are (rows, heads, length, width).
        """
        import paddle

        length = positions.shape[-1]
        ids = np.full((len(prompts), length), pad_id)
        for row, prompt in enumerate(prompts):
            ids[row, length - len(prompt.token_ids) :] = prompt.token_ids
        places = paddle.to_tensor(np.flatnonzero(ids == self.model.config.image_token_id))
        hidden = self.model.get_input_embeddings()(paddle.to_tensor(ids))
        features = read_images(self.model.model.visual, prompts)
        last, *deepstack = [paddle.concat(parts) for parts in zip(*features, strict=True)]
        flat = hidden.reshape([-1, hidden.shape[-1]])
        hidden = paddle.scatter(flat, places, last.astype(flat.dtype)).reshape(hidden.shape)
        added = [
            paddle.scatter(paddle.zeros_like(flat), places, inner.astype(flat.dtype)).reshape(hidden.shape)
            for inner in deepstack
        ]
        states: list[tuple[Any, Any]] = []
        mask = _prompt_mask([length - len(prompt.token_ids) for prompt in prompts], length, hidden.dtype)

        def attend(layer: int, queries: Any, keys: Any, values: Any) -> Any:
            del layer
            states.append((keys.transpose([0, 2, 1, 3]), values.transpose([0, 2, 1, 3])))
            if self.uses_sdpa:
                return _attend_fused(queries, keys, values, mask)
            return attend_grouped(queries, *states[-1], mask.tile([1, queries.shape[2], queries.shape[3], 1]))

        cos, sin = self.text.rotary_emb(hidden, paddle.to_tensor(positions))
        logits = self.logits(self._layers(hidden, cos, sin, attend, added)[:, -1:])
        return logits, states

    def rotation_table(self, size: int) -> tuple[Any, Any]:
        """Return cosines and sines of the positions of text below `size`, (size, width) each."""
        import paddle

        example = self.query_key_weights[0]
        positions = paddle.arange(size, dtype="int64").reshape([1, 1, -1]).expand([3, 1, -1])
        cos, sin = self.text.rotary_emb(example, positions)
        return cos[0], sin[0]

    def step(self, ids: Any, cos: Any, sin: Any, attend: Attention) -> Any:
        """Return the logits (rows, vocabulary) after one more token a row, `ids` (rows, 1)."""
        return self.logits(self._layers(self.model.get_input_embeddings()(ids), cos, sin, attend))

    def logits(self, hidden: Any) -> Any:
        """Return float32 logits (rows, vocabulary) of (rows, 1, width), whole where ranks share them."""
        import paddle

        head = self.model.lm_head
        if not head.weight.is_distributed:
            return head(hidden)[:, 0].astype("float32")
        group = paddle.distributed.fleet.get_hybrid_communicate_group().get_model_parallel_group()
        parts: list[Any] = []
        own = paddle.matmul(hidden[:, 0], head.weight, transpose_y=True)
        paddle.distributed.all_gather(parts, own, group=group)
        return paddle.concat(parts, axis=-1).astype("float32")

    def _layers(self, hidden: Any, cos: Any, sin: Any, attend: Attention, added: Sequence[Any] = ()) -> Any:
        """Run the text layers; `cos` and `sin` are (rows, length, head width)."""
        import paddle
        from paddle.nn import functional

        rows, length = hidden.shape[:2]
        half = cos.shape[-1] // 2
        # rotate_half(x) * sin is x rolled by half its width, times sin with its first half negative
        sin = paddle.concat([-sin[..., :half], sin[..., half:]], axis=-1).unsqueeze([2, 3])
        cos = cos.unsqueeze([2, 3])
        for number, layer in enumerate(self.text.layers):
            attention = layer.self_attn
            heads, group, width = attention.num_key_value_heads, self.group, attention.head_dim
            mixed = _project(attention.qkv_proj, _normalize(layer.input_layernorm, hidden))
            mixed = mixed.reshape([rows, length, heads, group + 2, width])
            query_key, values = mixed.split([group + 1, 1], axis=3)
            query_key = _rms_norm(
                query_key, self.query_key_weights[number], attention.q_norm.variance_epsilon
            )
            query_key = query_key * cos + query_key.roll(half, axis=-1) * sin
            queries, keys = query_key.split([group, 1], axis=3)
            attended = attend(number, queries, keys.squeeze(3), values.squeeze(3))
            hidden = hidden + _project(attention.o_proj, attended.reshape([rows, length, -1]))
            mixed = _project(layer.mlp.up_gate_proj, _normalize(layer.post_attention_layernorm, hidden))
            hidden = hidden + _project(layer.mlp.down_proj, functional.swiglu(mixed))
            if number < len(added):
                hidden = hidden + added[number]
        return _normalize(self.text.norm, hidden)


def _project(linear: Any, hidden: Any) -> Any:
    """Multiply by a layer's matrix; a plain layer's own forward takes longer to look up flags."""
    import paddle

    if type(linear) is not paddle.nn.Linear:
        return linear(hidden)
    product = paddle.matmul(hidden, linear.weight)
    return product if linear.bias is None else product + linear.bias


def _normalize(norm: Any, hidden: Any) -> Any:
    """Call the model's norm where it has a fused kernel, which is on GPUs."""
    if norm.config.get("fuse_rms_norm", True):
        return norm(hidden)
    return _rms_norm(hidden, norm.weight, norm.variance_epsilon)


def _rms_norm(hidden: Any, weight: Any, epsilon: float) -> Any:
    """Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019, equation 4."""
    import paddle

    single = hidden.astype("float32")
    scale = paddle.rsqrt(single.square().mean(-1, keepdim=True) + epsilon)
    return (single * scale).astype(weight.dtype) * weight


def attend_grouped(queries: Any, keys: Any, values: Any, mask: Any) -> Any:
    """Attend with the queries of a group side by side, so that keys and values are not repeated.

    Keys and values are (rows, heads, slots, width), the mask (rows, heads, group x length, slots), with 0 or
    `MASKED` for each slot.
    """
    import paddle
    from paddle.nn import functional

    rows, length, heads, group, width = queries.shape
    queries = (queries * width**-0.5).transpose([0, 2, 3, 1, 4]).reshape([rows, heads, -1, width])
    scores = paddle.matmul(queries, keys, transpose_y=True) + mask
    weights = functional.softmax(scores, axis=-1, dtype="float32").astype(values.dtype)
    attended = paddle.matmul(weights, values).reshape([rows, heads, group, length, width])
    return attended.transpose([0, 3, 1, 2, 4])


def _attend_fused(queries: Any, keys: Any, values: Any, mask: Any) -> Any:
    """Attend by the kernel that GPUs have; where nothing is padded, it needs no mask."""
    from paddle.nn import functional

    rows, length, heads, group, width = queries.shape
    return functional.scaled_dot_product_attention(
        queries.reshape([rows, length, heads * group, width]), keys, values, mask, enable_gqa=True
    )


def _prompt_mask(pads: Sequence[int], length: int, dtype: Any) -> Any:
    """Return (rows, 1, length, length): a token sees itself and what is before it, but no padding.

    A padding token sees itself: a row of a softmax needs something to look at.
    """
    import paddle

    slots = np.arange(length)
    is_seen = (slots[None, :] <= slots[:, None]) & (slots >= np.asarray(pads)[:, None, None])
    is_seen |= np.eye(length, dtype=bool)
    return paddle.to_tensor(np.where(is_seen, 0.0, MASKED)[:, None].astype("float32")).astype(dtype)
