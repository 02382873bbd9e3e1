"""Compute the RMS norm without broadcasting, with its gradient written out.

Upstream: RMSNorm.forward (paddleformers/nn/norm.py, line 74) multiplies with broadcasting, forward and
    backward.
Patch: matrix products with rows of ones. With y = w x r and r = 1 / rms(x): dx = r (w dy - x r mean(w dy x
    r)), dw = sum(dy x r).
Remove: when Paddle's CPU kernels broadcast as fast as they multiply, or have a fused norm.
"""

import functools
from typing import Any


def normalise_without_broadcasting() -> str:
    """Replace the norm's computation in float32."""
    import paddle
    from paddleformers.nn.norm import RMSNorm

    forward, layer = RMSNorm.forward, _layer()

    def rms_norm(self: Any, hidden_states: Any) -> Any:
        if self.config.get("fuse_rms_norm", True) or self.weight.dtype != paddle.float32:
            return forward(self, hidden_states)
        return layer.apply(hidden_states, self.weight, self.variance_epsilon)

    RMSNorm.forward = rms_norm
    return "normalise_without_broadcasting"


def _layer() -> Any:
    """Return the norm as a layer with its own gradient."""
    import paddle
    from paddle.autograd import PyLayer

    @functools.cache
    def row_of_ones(width: int) -> Any:
        return paddle.ones([1, width])

    class Normalise(PyLayer):  # type: ignore[misc]  # paddle has no types
        @staticmethod
        def forward(ctx: Any, states: Any, weight: Any, epsilon: float) -> Any:
            scale = paddle.rsqrt(paddle.square(states).mean(-1, keepdim=True) + epsilon)
            spread = paddle.matmul(scale, row_of_ones(states.shape[-1]))
            weights = paddle.matmul(paddle.ones_like(scale), weight.unsqueeze(0))
            unit = states * spread
            ctx.save_for_backward(unit, spread, weights)
            ctx.frozen = states.stop_gradient, weight.stop_gradient  # LoRA freezes the weights
            return unit * weights

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> tuple[Any, Any]:
            unit, spread, weights = ctx.saved_tensor()
            states_frozen, weight_frozen = ctx.frozen
            inner = gradient * weights
            along = paddle.matmul((inner * unit).mean(-1, keepdim=True), row_of_ones(unit.shape[-1]))
            products = (gradient * unit).reshape([-1, unit.shape[-1]])
            return (
                None if states_frozen else spread * (inner - unit * along),
                None if weight_frozen else products.sum(0),
            )

    return Normalise
