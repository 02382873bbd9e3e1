"""The processes that share one model, and sums over them."""

from typing import Any

GATE_UP_ADAPTER = ".up_gate_proj.lora_B"
"""The end of the name of an adapter's part that makes the gate's and the up projection's columns."""


def model_parallel_group() -> Any:
    """Return the group of processes that share the model's parts."""
    from paddle.distributed import fleet

    return fleet.get_hybrid_communicate_group().get_model_parallel_group()


def data_groups() -> list[Any]:
    """Return the groups of processes that read different batches: data parallelism and sharding."""
    from paddle.distributed import fleet

    if not hasattr(fleet.fleet, "_hcg"):  # one process, without groups
        return []
    groups = fleet.get_hybrid_communicate_group()
    each = groups.get_data_parallel_group(), groups.get_sharding_parallel_group()
    return [group for group in each if group is not None and group.nranks > 1]


def is_split(parameter: Any) -> bool:
    """Tell whether each process has a part of this parameter, and not all of it."""
    return bool(getattr(parameter, "is_distributed", False))


def summed(tensor: Any, group: Any) -> Any:
    """Return the sum of a tensor over the processes of a group; the tensor itself stays."""
    import paddle

    total = tensor.clone()
    paddle.distributed.all_reduce(total, group=group)
    return total
