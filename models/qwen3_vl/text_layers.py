"""The layers of Qwen3-VL's language model, dense and with experts."""

from collections.abc import Callable, Sequence
from typing import Any

Attention = Callable[[int, Any, Any, Any], Any]
"""Attention of a layer by its number. Queries are (rows, length, key heads, group, width), keys and values
(rows, length, key heads, width); the result has the shape of the queries."""


class TextLayers:
    """The text layers of a loaded model, with the weights that are combined once for many steps."""

    def __init__(self, text: Any) -> None:
        """Take the language model of a plain Paddle Qwen3-VL."""
        import paddle

        self.text = text
        self.rotations = text.rotary_emb
        self.group = text.layers[0].self_attn.num_key_value_groups
        # The queries of a group and their key are neighbours in the fused projection: normalise them at once.
        self.query_key_weights = [
            paddle.concat(
                [
                    layer.self_attn.q_norm.weight.expand([self.group, -1]),
                    layer.self_attn.k_norm.weight.unsqueeze(0),
                ]
            )
            for layer in text.layers
        ]

    def run(self, hidden: Any, cos: Any, sin: Any, attend: Attention, added: Sequence[Any] = ()) -> Any:
        """Return the normalised output (rows, length, width) of all layers.

        `cos` and `sin` are (rows, length, head width). The first layers add `added`, one tensor each.
        """
        import paddle

        half = cos.shape[-1] // 2
        # rotate_half(x) * sin equals x rolled by half its width, times sin with its first half negated.
        sin = paddle.concat([-sin[..., :half], sin[..., half:]], axis=-1).unsqueeze([2, 3])
        cos = cos.unsqueeze([2, 3])
        for number, layer in enumerate(self.text.layers):
            hidden = hidden + self._attention(number, layer, hidden, cos, sin, attend)
            hidden = hidden + _feed_forward(layer.mlp, _normalize(layer.post_attention_layernorm, hidden))
            if number < len(added):
                hidden = hidden + added[number]
        return _normalize(self.text.norm, hidden)

    def _attention(self, number: int, layer: Any, hidden: Any, cos: Any, sin: Any, attend: Attention) -> Any:
        attention, group = layer.self_attn, self.group
        rows, length = hidden.shape[:2]
        mixed = _project(attention.qkv_proj, _normalize(layer.input_layernorm, hidden))
        mixed = mixed.reshape([rows, length, attention.num_key_value_heads, group + 2, attention.head_dim])
        query_key, values = mixed.split([group + 1, 1], axis=3)
        query_key = _rms_norm(query_key, self.query_key_weights[number], attention.q_norm.variance_epsilon)
        query_key = query_key * cos + query_key.roll(cos.shape[-1] // 2, axis=-1) * sin
        queries, keys = query_key.split([group, 1], axis=3)
        attended = attend(number, queries, keys.squeeze(3), values.squeeze(3))
        return _project(attention.o_proj, attended.reshape([rows, length, -1]))


def _feed_forward(mlp: Any, hidden: Any) -> Any:
    """Run a layer's MLP; a mixture of experts is called as it is, with its router."""
    from paddle.nn import functional

    if hasattr(mlp, "experts"):
        return mlp(hidden)
    return _project(mlp.down_proj, functional.swiglu(_project(mlp.up_gate_proj, hidden)))


def _project(linear: Any, hidden: Any) -> Any:
    """Multiply by a layer's matrix, without the checks of a plain layer's own forward."""
    import paddle

    if type(linear) is not paddle.nn.Linear:
        return linear(hidden)
    product = paddle.matmul(hidden, linear.weight)
    return product if linear.bias is None else product + linear.bias


def _normalize(norm: Any, hidden: Any) -> Any:
    """Call the model's norm where it has a fused kernel, which exists on GPUs only."""
    if norm.config.get("fuse_rms_norm", True):
        return norm(hidden)
    return _rms_norm(hidden, norm.weight, norm.variance_epsilon)


def _rms_norm(hidden: Any, weight: Any, epsilon: float) -> Any:
    """Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019, equation 4."""
    import paddle

    single = hidden.astype("float32")
    scale = paddle.rsqrt(single.square().mean(-1, keepdim=True) + epsilon)
    return (single * scale).astype(weight.dtype) * weight
