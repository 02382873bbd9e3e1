"""What makes a tensor parallel run of the plain Paddle classes the run of one process.

Each function replaces one piece of a library and returns its own name for the log.
"""

import math
import zlib
from typing import Any

GATE_UP_ADAPTER = ".up_gate_proj.lora_B"


def sum_head_norm_gradients() -> str:
    """Sum the gradients of the norms of queries and keys over the processes that share the heads.

    Each process has all of such a norm's weights and some of the heads that they act on. As shipped it
    learns from its own heads alone, the processes' weights drift apart, and one process's are saved.
    """
    from paddleformers.transformers.qwen3_vl import modeling

    attention = modeling.Qwen3VLTextAttention
    build = attention.__init__

    def build_with_sums(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        build(self, config, *args, **kwargs)
        if config.tensor_model_parallel_size > 1:
            for norm in (self.q_norm, self.k_norm):
                norm.weight.register_hook(_sum_over_heads)

    attention.__init__ = build_with_sums
    return "sum_head_norm_gradients"


def _sum_over_heads(gradient: Any) -> Any:
    import paddle
    from paddle.distributed import fleet

    total = gradient.clone()
    paddle.distributed.all_reduce(
        total, group=fleet.get_hybrid_communicate_group().get_model_parallel_group()
    )
    return total


def start_adapters_alike(seed: int) -> str:
    """Start a LoRA adapter from the numbers that seed and names give, on any number of processes.

    As shipped the numbers depend on how many processes share the model, and where a process has a part
    of a matrix, on the part's size. The distribution is the same: uniform within 1 / sqrt(inputs), as
    in Hu et al., LoRA, 2021, and PyTorch's linear layer.
    """
    from paddleformers.peft import LoRAModel

    build = LoRAModel.__init__

    def build_and_fill(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        for name, parameter in self.model.named_parameters():
            if name.endswith(".lora_A") and parameter.ndim == 2:
                _fill(parameter, name, seed)

    LoRAModel.__init__ = build_and_fill
    return "start_adapters_alike"


def _fill(parameter: Any, name: str, seed: int) -> None:
    """Set a matrix (inputs, rank), or this process's rows of it."""
    import numpy as np
    import paddle

    rows, rank = parameter.shape
    parts, part = 1, 0
    if getattr(parameter, "is_distributed", False):
        from paddle.distributed import fleet

        group = fleet.get_hybrid_communicate_group().get_model_parallel_group()
        parts, part = group.nranks, group.rank
    limit = 1 / math.sqrt(rows * parts)
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    whole = generator.uniform(-limit, limit, (rows * parts, rank)).astype(np.float32)
    parameter.set_value(paddle.to_tensor(whole[part * rows : (part + 1) * rows]).astype(parameter.dtype))


def save_adapters_in_model_order() -> str:
    """Save the adapter of the fused gate and up projections as the gate's columns, then the up's.

    Each process has a part of the gate's columns and a part of the up's. As shipped these are saved
    process by process, and an adapter that is read by another number of processes is another adapter.
    """
    from paddleformers.transformers.qwen3_vl import modeling

    def gather_statements(self: Any, config: Any) -> list[str]:
        if config.tensor_model_parallel_size == 1:
            return []
        names = (name for name in self.state_dict() if name.endswith(GATE_UP_ADAPTER))
        return [f"{name} -> {name}, fused_ffn" for name in names]

    modeling.Qwen3VLPretrainedModel._gen_lora_inv_aoa_config = gather_statements
    return "save_adapters_in_model_order"


def load_adapters_in_process_order() -> str:
    """Give each process its part of a loaded adapter's gate columns and of its up columns.

    As shipped the first of two processes gets the gate's columns, and the second the up's.
    """
    from paddleformers.peft import LoRAModel

    load = LoRAModel.from_pretrained.__func__

    def from_pretrained(cls: type[Any], /, *args: Any, **kwargs: Any) -> Any:
        adapted = load(cls, *args, **kwargs)
        for name, parameter in adapted.model.named_parameters():
            if name.endswith(GATE_UP_ADAPTER) and getattr(parameter, "is_distributed", False):
                parameter.set_value(_own_columns(parameter))
        return adapted

    LoRAModel.from_pretrained = classmethod(from_pretrained)
    return "load_adapters_in_process_order"


def _own_columns(part: Any) -> Any:
    """Return a process's columns (rank, both / processes), cut from gate and from up, not from the whole."""
    import paddle
    from paddle.distributed import fleet

    group = fleet.get_hybrid_communicate_group().get_model_parallel_group()
    parts: list[Any] = []
    paddle.distributed.all_gather(parts, part.detach(), group=group)
    halves = paddle.concat(parts, axis=1).chunk(2, axis=1)
    return paddle.concat([half.chunk(group.nranks, axis=1)[group.rank] for half in halves], axis=1)
