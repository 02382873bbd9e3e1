"""The value of a penalty, over the steps since it was logged and over the processes that share a model."""

from collections.abc import Mapping
from typing import Any

WHOLE, SPLIT = 0, 1
"""Places in the sums of one curve: of parameters that each tensor parallel process has, or has a part of."""

Values = Mapping[str, Any]
"""Curve -> its value in one step, float32 (2,): of whole parameters, and of the parts of split ones."""


class PenaltySums:
    """Adds up the values of the curves since the last log."""

    def __init__(self) -> None:
        """Start with no step."""
        self._sums: dict[str, Any] = {}
        self._steps = 0

    def add(self, values: Values) -> None:
        """Add the values of a step, in this process."""
        self._sums = {curve: value + self._sums.get(curve, 0.0) for curve, value in values.items()}
        self._steps += 1

    def take(self, split_over: Any = None, sharded_over: Any = None) -> dict[str, float]:
        """Return the mean of each curve over the steps since the last call, of the whole model.

        `split_over` is the group of processes that share the model by tensor parallelism, `sharded_over` the
        one that shares the optimizer. All of their processes call this together.
        """
        import paddle

        taken = {}
        for curve, sums in self._sums.items():
            split = sums[SPLIT : SPLIT + 1].clone()
            if split_over is not None:
                paddle.distributed.all_reduce(split, group=split_over)
            total = split + sums[WHOLE : WHOLE + 1]
            if sharded_over is not None:
                paddle.distributed.all_reduce(total, group=sharded_over)
            taken[curve] = total.item() / self._steps
        self._sums, self._steps = {}, 0
        return taken
