"""Sum the gradients of the norms of queries and keys over the processes that share the heads.

Upstream: Qwen3VLTextAttention (paddleformers/transformers/qwen3_vl/modeling.py, line 883): with tensor
    parallelism each process has all of these norms' weights and some of the heads that they act on. It learns
    from its own heads alone. The processes' weights drift apart, and one process's are saved.
Patch: a hook on the weights sums their gradients over the processes.
Remove: when PaddleFormers sums them, as a run of two processes with the losses of one shows.
"""

from typing import Any

from train.inside.patches.paddleformers_1_2.shared.model_parallel_group import model_parallel_group, summed


def sum_head_norm_gradients() -> str:
    """Add the hook to every text attention that is built from now on."""
    from paddleformers.transformers.qwen3_vl import modeling

    attention = modeling.Qwen3VLTextAttention
    build = attention.__init__

    def build_with_sums(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        build(self, config, *args, **kwargs)
        if config.tensor_model_parallel_size > 1:
            for norm in (self.q_norm, self.k_norm):
                norm.weight.register_hook(lambda gradient: summed(gradient, model_parallel_group()))

    attention.__init__ = build_with_sums
    return "sum_head_norm_gradients"
