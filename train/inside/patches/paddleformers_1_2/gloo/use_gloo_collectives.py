"""Run tensor parallelism over gloo.

Upstream: c_identity_eager, mp_allreduce_eager and _c_softmax_with_cross_entropy
    (paddle/distributed/fleet/layers/mpu/mp_ops.py, lines 42, 230 and 392) call kernels that exist for GPUs
    only. broadcast_input_data (paddle/distributed/fleet/utils/hybrid_parallel_util.py, line 202) copies to a
    GPU.
Patch: the same on paddle.distributed.all_reduce. An identity whose gradient is summed, and a sum whose
    gradient is passed on, are the two operations of Shoeybi et al. 2019, "Megatron-LM", section 3.
Remove: when Paddle has these kernels for CPUs.
"""

from typing import Any

from train.inside.patches.paddleformers_1_2.shared.model_parallel_group import summed


def use_gloo_collectives() -> str:
    """Replace the collectives that a tensor parallel model calls."""
    import paddle
    from paddle.distributed.fleet.layers.mpu import mp_layers, mp_ops
    from paddle.distributed.fleet.meta_parallel import tensor_parallel

    sum_then_identity = _sum_then_identity()
    cross_entropy = _cross_entropy(sum_then_identity)
    mp_ops.c_identity_eager = _identity_then_sum()
    mp_ops.mp_allreduce_eager = sum_then_identity
    mp_ops._c_softmax_with_cross_entropy = cross_entropy
    if hasattr(mp_layers, "_c_softmax_with_cross_entropy"):
        mp_layers._c_softmax_with_cross_entropy = cross_entropy
    # All processes read the same batch: there is nothing to broadcast.
    tensor_parallel.broadcast_input_data = lambda hcg, *inputs, **kwargs: (inputs, kwargs)
    paddle.Tensor.cuda = lambda self, *args, **kwargs: self
    return "use_gloo_collectives"


def _identity_then_sum() -> Any:
    """Return the layer that passes a tensor on and sums its gradient over the group."""
    from paddle.autograd import PyLayer

    class IdentityThenSum(PyLayer):  # type: ignore[misc]  # paddle has no types
        @staticmethod
        def forward(ctx: Any, tensor: Any, group: Any, skip: bool) -> Any:
            del skip
            ctx.group = group
            return tensor.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return summed(gradient, ctx.group)

    return IdentityThenSum


def _sum_then_identity() -> Any:
    """Return the layer that sums a tensor over the group and passes its gradient on."""
    from paddle.autograd import PyLayer

    class SumThenIdentity(PyLayer):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, tensor: Any, group: Any, *options: Any) -> Any:
            del ctx, options
            return summed(tensor, group)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            del ctx
            return gradient.clone()

    return SumThenIdentity


def _cross_entropy(sum_then_identity: Any) -> Any:
    """Return the cross entropy of logits whose last axis is split over the group, shape (..., 1)."""
    import paddle

    def cross_entropy(
        logits: Any, label: Any, group: Any = None, return_softmax: bool = False, ignore_index: int = -100
    ) -> Any:
        if label.ndim == logits.ndim:
            label = label.squeeze(-1)
        part = logits.shape[-1]
        local = label - group.rank * part
        is_local = (local >= 0) & (local < part)
        highest = logits.detach().max(axis=-1)
        paddle.distributed.all_reduce(highest, op=paddle.distributed.ReduceOp.MAX, group=group)
        shifted = logits - highest.unsqueeze(-1)
        exponentials = shifted.exp()
        total = sum_then_identity.apply(exponentials.sum(axis=-1), group)
        picked = paddle.take_along_axis(shifted, local.clip(0, part - 1).unsqueeze(-1), axis=-1).squeeze(-1)
        target = sum_then_identity.apply(picked * is_local.astype(picked.dtype), group)
        loss = ((total.log() - target) * (label != ignore_index).astype(total.dtype)).unsqueeze(-1)
        return (loss, exponentials / total.unsqueeze(-1)) if return_softmax else loss

    return cross_entropy
