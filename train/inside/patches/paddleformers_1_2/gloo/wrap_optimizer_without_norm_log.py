"""Wrap the optimizer of a float32 run for several processes.

Upstream: Trainer._wrap_distributed_optimizer (paddleformers/trainer/trainer.py, line 3606) logs the
    gradient's norm, and expects mixed precision's wrapper around the optimizer.
Patch: skip the log. The norm is clipped all the same: the optimizer has its clip by then.
Remove: when the log works in float32.
"""

from typing import Any


def wrap_optimizer_without_norm_log() -> str:
    """Wrap the optimizer as if the norm had no limit."""
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
