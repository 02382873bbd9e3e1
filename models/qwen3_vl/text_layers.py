"""The layers of Qwen3-VL's language model, dense and with experts."""

from collections.abc import Callable, Sequence
from typing import Any

Attention = Callable[[int, Any, Any, Any], Any]
"""Attention of a layer by its number. Queries are (rows, length, key heads, group, width), keys and values
(rows, length, key heads, width); the result has the shape of the queries."""

Function = Callable[[Any], Any]


class TextLayers:
    """The text layers of a loaded model, with what is looked up and combined once for many steps.

    A step of a small model takes as long as its Python code: a layer's own forward looks up its parts by
    name, and reads the config at every call.
    """

    def __init__(self, text: Any) -> None:
        """Take the language model of a plain Paddle Qwen3-VL."""
        self._rotary = text.rotary_emb
        self._layers = [_Layer(layer) for layer in text.layers]
        self._normalize = _norm(text.norm)
        self.group, self.heads = self._layers[0].group, self._layers[0].heads

    @property
    def sample(self) -> Any:
        """A tensor of the dtype in which the layers compute."""
        return self._layers[0].query_key_weight

    def rotations(self, like: Any, positions: Any) -> tuple[Any, Any]:
        """Return cosines and sines of (3, rows, length) positions for `run`, in the dtype of `like`.

        rotate_half(x) * sin equals x rolled by half its width, times sin with its first half negated. Both
        are repeated for every head: Paddle's CPU kernel takes ten times as long to multiply otherwise.
        """
        import paddle

        cos, sin = self._rotary(like, positions)
        half = sin.shape[-1] // 2
        sin = paddle.concat([-sin[..., :half], sin[..., half:]], axis=-1)
        every = [1, 1, self.heads, self.group + 1, 1]
        return cos.unsqueeze([2, 3]).tile(every), sin.unsqueeze([2, 3]).tile(every)

    def run(self, hidden: Any, cos: Any, sin: Any, attend: Attention, added: Sequence[Any] = ()) -> Any:
        """Return the normalised output (rows, length, width) of all layers.

        `cos` and `sin` are (rows, length, key heads, group + 1, head width). The first layers add `added`,
        one tensor each.
        """
        for number, layer in enumerate(self._layers):
            hidden = hidden + layer.attend(number, hidden, cos, sin, attend)
            hidden = hidden + layer.feed_forward(hidden)
            if number < len(added):
                hidden = hidden + added[number]
        return self._normalize(hidden)


class _Layer:
    """A decoder layer."""

    def __init__(self, layer: Any) -> None:
        import paddle

        attention = layer.self_attn
        self.group, self.heads = attention.num_key_value_groups, attention.num_key_value_heads
        self.width, self.epsilon = attention.head_dim, attention.q_norm.variance_epsilon
        # The queries of a group and their key are neighbours in the fused projection: normalise them at once.
        self.query_key_weight = paddle.concat(
            [
                attention.q_norm.weight.expand([self.group, -1]),
                attention.k_norm.weight.unsqueeze(0),
            ]
        )
        self.project, self.project_back = _projection(attention.qkv_proj), _projection(attention.o_proj)
        self.normalize, self.normalize_again = map(
            _norm, (layer.input_layernorm, layer.post_attention_layernorm)
        )
        self.mlp = _feed_forward(layer.mlp)

    def attend(self, number: int, hidden: Any, cos: Any, sin: Any, attend: Attention) -> Any:
        """Return what attention adds to the hidden states (rows, length, width)."""
        rows, length = hidden.shape[:2]
        mixed = self.project(self.normalize(hidden))
        mixed = mixed.reshape([rows, length, self.heads, self.group + 2, self.width])
        query_key, values = mixed[:, :, :, :-1], mixed[:, :, :, -1]
        query_key = _rms_norm(query_key, self.query_key_weight, self.epsilon)
        query_key = query_key * cos + query_key.roll(self.width // 2, axis=-1) * sin
        attended = attend(number, query_key[:, :, :, :-1], query_key[:, :, :, -1], values)
        return self.project_back(attended.reshape([rows, length, -1]))

    def feed_forward(self, hidden: Any) -> Any:
        """Return what the MLP adds to the hidden states."""
        return self.mlp(self.normalize_again(hidden))


def _feed_forward(mlp: Any) -> Function:
    """Return a layer's MLP; a mixture of experts is called as it is, with its router."""
    from paddle.nn.functional import swiglu

    if hasattr(mlp, "experts"):
        return mlp  # type: ignore[no-any-return]
    widen, narrow = _projection(mlp.up_gate_proj), _projection(mlp.down_proj)
    return lambda hidden: narrow(swiglu(widen(hidden)))


def _projection(linear: Any) -> Function:
    """Return the product with a layer's matrix, without the checks of a plain layer's own forward."""
    import paddle

    if type(linear) is not paddle.nn.Linear:
        return linear  # type: ignore[no-any-return]
    weight, bias, multiply = linear.weight, linear.bias, paddle.matmul
    if bias is None:
        return lambda hidden: multiply(hidden, weight)
    return lambda hidden: multiply(hidden, weight) + bias


def _norm(norm: Any) -> Function:
    """Return a norm: the model's own where it has a fused kernel, which exists on GPUs only."""
    if norm.config.get("fuse_rms_norm", True):
        return norm  # type: ignore[no-any-return]
    weight, epsilon = norm.weight, norm.variance_epsilon
    return lambda hidden: _rms_norm(hidden, weight, epsilon)


def _rms_norm(hidden: Any, weight: Any, epsilon: float) -> Any:
    """Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019, equation 4."""
    import paddle

    single = hidden if hidden.dtype == paddle.float32 else hidden.astype("float32")
    normal = single * paddle.rsqrt(single.square().mean(-1, keepdim=True) + epsilon)
    return (normal if normal.dtype == weight.dtype else normal.astype(weight.dtype)) * weight
