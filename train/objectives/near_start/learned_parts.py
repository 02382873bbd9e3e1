"""What the optimizer of this process steps: whole parameters, or parts of them with sharding stage 1.

Sources: Paddle 3.3.1, distributed/fleet/meta_optimizers/dygraph_optimizer/dygraph_sharding_optimizer.py. Its
first version gives each process some of the parameters (`_rank2params`), its second one, which `split_param`
chooses, a slice of the flat buffer that all parameters share (ShardingGradView in
distributed/fleet/utils/tensor_fusion_helper.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class LearnedPart:
    """A parameter that this process steps, or its slice of one.

    `parameter` is what the optimizer has, with the gradient. `master` is its float32 value in mixed
    precision, None without one, or before the first step. `span` are the first and the last number but one
    of a slice in the flat parameter, None for a whole one.
    """

    parameter: Any
    master: Any = None
    span: tuple[int, int] | None = None

    def value(self) -> Any:
        """Return the exact value, float32."""
        return (self.parameter if self.master is None else self.master).detach().astype("float32")

    def cut(self, whole: Any) -> Any:
        """Return this part of a tensor of the whole parameter's shape; zeros where a slice is padding."""
        import paddle

        if self.span is None:
            return whole
        first, end = self.span
        flat = whole.flatten()[first:end]
        missing = end - first - flat.shape[0]
        return paddle.concat([flat, paddle.zeros([missing], dtype=flat.dtype)]) if missing else flat.clone()

    def add_to_gradient(self, gradient: Any) -> None:
        """Add a float32 gradient of this part's shape to the one that the optimizer will use."""
        import paddle

        parameter = self.parameter
        with paddle.no_grad():
            if hasattr(parameter, "main_grad"):  # float32, of amp_master_grad
                if parameter.main_grad is None:
                    parameter.main_grad = gradient
                else:
                    parameter.main_grad.add_(gradient)
            elif parameter.grad is None:
                parameter.grad = gradient.astype(parameter.dtype)
            else:
                parameter.grad.add_(gradient.astype(parameter.grad.dtype))


def learned_parts(optimizer: Any) -> dict[str, LearnedPart]:
    """Return what the optimizer of this process steps, by the names of the parameters.

    `optimizer` is a trainer's, in all of its wrappers. The gradients must have been reduced.
    """
    from paddle.distributed.fleet.meta_optimizers.dygraph_optimizer.dygraph_sharding_optimizer import (
        DygraphShardingOptimizerV2,
    )
    from paddle.distributed.fleet.utils.hybrid_parallel_util import obtain_optimizer_parameters_list

    layers = list(_unwrapped(optimizer))
    masters = getattr(layers[-1], "_master_weights", {})
    for layer in layers:
        if isinstance(layer, DygraphShardingOptimizerV2):
            layer._assign_slice_grad()  # as its step will do
            views = {
                name: view
                for buffer in layer._comm_buffer_list
                for name, view in buffer._sharding_param_grad_view.items()
            }
            return dict(_slices(views, layer._slice_params, masters))
    parameters = obtain_optimizer_parameters_list(layers[-1])
    return {each.name: LearnedPart(each, masters.get(each.name)) for each in parameters}


def _unwrapped(optimizer: Any) -> Iterator[Any]:
    """Yield an optimizer and those that it wraps, the innermost one last."""
    yield optimizer
    if (inner := vars(optimizer).get("_inner_opt")) is not None:
        yield from _unwrapped(inner)


def _slices(
    views: Mapping[str, Any], slices: Mapping[str, Any], masters: Mapping[str, Any]
) -> Iterator[tuple[str, LearnedPart]]:
    """Yield this process's slice of each parameter that it has one of."""
    for name, view in views.items():
        if view.has_effective_slice_param:
            span = (view._param_begin - view._index, view._param_end - view._index)
            yield name, LearnedPart(slices[name], masters.get(slices[name].name), span)
