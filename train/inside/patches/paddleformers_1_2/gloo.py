"""Tensor parallelism between CPU processes: collectives that Paddle has for GPUs only, over gloo."""

import atexit
import logging
import os
import sys
from typing import Any


def use_gloo_collectives() -> str:
    """Put gloo all-reduces in the place of the collectives that a tensor parallel model calls.

    An identity whose gradient is summed, and a sum whose gradient is passed on, are the two
    operations of Shoeybi et al., Megatron-LM, 2019, section 3.
    """
    import paddle
    from paddle.autograd import PyLayer
    from paddle.distributed.fleet.layers.mpu import mp_layers, mp_ops
    from paddle.distributed.fleet.meta_parallel import tensor_parallel

    class IdentityThenSum(PyLayer):  # type: ignore[misc]  # paddle has no types
        @staticmethod
        def forward(ctx: Any, tensor: Any, group: Any, skip: bool) -> Any:
            del skip
            ctx.group = group
            return tensor.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return _summed(gradient, ctx.group)

    class SumThenIdentity(PyLayer):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, tensor: Any, group: Any, *options: Any) -> Any:
            del ctx, options
            return _summed(tensor, group)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            del ctx
            return gradient.clone()

    def cross_entropy(
        logits: Any, label: Any, group: Any = None, return_softmax: bool = False, ignore_index: int = -100
    ) -> Any:
        """Cross entropy of logits whose last axis is split over the group, shape (..., 1)."""
        if label.ndim == logits.ndim:
            label = label.squeeze(-1)
        part = logits.shape[-1]
        local = label - group.rank * part
        is_local = (local >= 0) & (local < part)
        highest = logits.detach().max(axis=-1)
        paddle.distributed.all_reduce(highest, op=paddle.distributed.ReduceOp.MAX, group=group)
        shifted = logits - highest.unsqueeze(-1)
        exponentials = shifted.exp()
        total = SumThenIdentity.apply(exponentials.sum(axis=-1), group)
        picked = paddle.take_along_axis(shifted, local.clip(0, part - 1).unsqueeze(-1), axis=-1).squeeze(-1)
        target = SumThenIdentity.apply(picked * is_local.astype(picked.dtype), group)
        loss = ((total.log() - target) * (label != ignore_index).astype(total.dtype)).unsqueeze(-1)
        return (loss, exponentials / total.unsqueeze(-1)) if return_softmax else loss

    mp_ops.c_identity_eager = IdentityThenSum
    mp_ops.mp_allreduce_eager = SumThenIdentity
    mp_ops._c_softmax_with_cross_entropy = cross_entropy
    if hasattr(mp_layers, "_c_softmax_with_cross_entropy"):
        mp_layers._c_softmax_with_cross_entropy = cross_entropy
    # Both ranks read the same batch, so there is nothing to broadcast.
    tensor_parallel.broadcast_input_data = lambda hcg, *inputs, **kwargs: (inputs, kwargs)
    paddle.Tensor.cuda = lambda self, *args, **kwargs: self
    return "use_gloo_collectives"


def wrap_optimizer_without_norm_log() -> str:
    """Skip the log of the gradient's norm: it expects mixed precision's wrapper around the optimizer.

    The norm is clipped all the same: the optimizer has its clip by then.
    """
    from paddleformers.trainer import Trainer

    wrap = Trainer._wrap_distributed_optimizer

    def wrap_distributed_optimizer(self: Any, optimizer: Any) -> Any:
        limit, self.args.max_grad_norm = self.args.max_grad_norm, 0
        try:
            return wrap(self, optimizer)
        finally:
            self.args.max_grad_norm = limit

    Trainer._wrap_distributed_optimizer = wrap_distributed_optimizer
    return "wrap_optimizer_without_norm_log"


def leave_together() -> str:
    """End the processes of a run that saved everything at one time, connections and all.

    Where one closes its connections while the other still has them, gloo aborts the other one, and a run
    that is complete counts as failed.
    """
    import paddle
    from paddleformers.trainer import Trainer

    save_state, is_over = Trainer.save_state, False

    def save_last(self: Any) -> None:  # what PaddleFormers does last, in every process
        nonlocal is_over
        save_state(self)
        paddle.distributed.barrier()
        is_over = True

    def leave() -> None:
        if is_over:
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    Trainer.save_state = save_last
    atexit.register(leave)  # what is registered from now on runs before it, what was before is left out
    return "leave_together"


def _summed(tensor: Any, group: Any) -> Any:
    import paddle

    total = tensor.clone()
    paddle.distributed.all_reduce(total, group=group)
    return total
