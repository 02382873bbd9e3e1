"""Give each process its part of a loaded adapter's gate columns and of its up columns.

Upstream: LoRAModel.from_pretrained (paddleformers/peft/lora/lora_model.py, line 374) cuts the fused matrix
    in as many pieces as there are processes. The first of two processes gets the gate's columns, the second
    the up projection's.
Patch: cut the gate's columns and the up projection's apart, and give each process a part of both.
Remove: when from_pretrained loads what save_pretrained has saved, on any number of processes.
"""

from typing import Any

from train.inside.patches.paddleformers_1_2.shared.model_parallel_group import (
    GATE_UP_ADAPTER,
    is_split,
    model_parallel_group,
)


def load_adapters_in_process_order() -> str:
    """Put the columns of every adapter that is loaded from now on in order."""
    from paddleformers.peft import LoRAModel

    load = LoRAModel.from_pretrained.__func__

    def from_pretrained(cls: type[Any], /, *args: Any, **kwargs: Any) -> Any:
        adapted = load(cls, *args, **kwargs)
        for name, parameter in adapted.model.named_parameters():
            if name.endswith(GATE_UP_ADAPTER) and is_split(parameter):
                parameter.set_value(_own_columns(parameter))
        return adapted

    LoRAModel.from_pretrained = classmethod(from_pretrained)
    return "load_adapters_in_process_order"


def _own_columns(part: Any) -> Any:
    """Return this process's columns (rank, both / processes): a part of the gate's and a part of the up's."""
    import paddle

    group = model_parallel_group()
    parts: list[Any] = []
    paddle.distributed.all_gather(parts, part.detach(), group=group)
    halves = paddle.concat(parts, axis=1).chunk(2, axis=1)
    return paddle.concat([half.chunk(group.nranks, axis=1)[group.rank] for half in halves], axis=1)
