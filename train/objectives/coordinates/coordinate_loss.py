"""The loss of the digits of coordinates, at a language model's head.

    L = cross entropy + weight x mean over the digits of  sum over k of T(k) log(T(k) / P(k))

The mean is weighted by W, the place value of a digit: an error in the hundreds counts a hundred times as much
as one in the ones. T is the target of a digit; both are in `distance_targets.py`. P is the model's softmax
over the ten digit tokens alone: that the token is a digit at all is learned by the cross entropy. The
Kullback-Leibler divergence is 0 where the model spreads its digits as the target does.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from train.objectives.coordinates.distance_targets import NO_DIGIT, place_values, target_table


def coordinate_loss(
    hidden: Any, weight: Any, codes: Any, digit_ids: Sequence[int], tau: float, group: Any = None
) -> Any:
    """Return the weighted mean loss of the digits in a batch, a float32 scalar; None without a digit.

    `hidden` is (..., width), and `codes` are (...), in the same order. `weight` is (vocabulary, width), or
    this process's rows of it, if `group` is the group of processes that share the vocabulary.
    """
    import paddle

    codes = codes.flatten()
    places = paddle.nonzero(codes != NO_DIGIT).flatten()
    if not places.shape[0]:
        return None
    hidden = hidden.reshape([-1, hidden.shape[-1]]).gather(places)
    with paddle.amp.auto_cast(enable=False):
        logits = _digit_logits().apply(hidden, weight, tuple(digit_ids), group)
        codes = codes.gather(places)
        targets, values = (table.gather(codes) for table in _tables(tau))
        logs = logits - logits.logsumexp(axis=1, keepdim=True)  # log_softmax ends at -64 on a CPU
        entropies = paddle.where(targets > 0, targets * targets.clip(min=1e-38).log(), targets)
        return ((entropies - targets * logs).sum(axis=1) * values).sum() / values.sum()


@cache
def _tables(tau: float) -> tuple[Any, Any]:
    """Return the targets and the place values by code, as tensors."""
    import paddle

    return tuple(paddle.to_tensor(table, dtype="float32") for table in (target_table(tau), place_values()))


@cache
def _digit_logits() -> Any:
    """Return the layer of the logits of the ten digits, float32 (tokens, ten)."""
    import paddle
    from paddle.autograd import PyLayer

    class DigitLogits(PyLayer):  # type: ignore[misc]  # paddle has no types
        @staticmethod
        def forward(ctx: Any, hidden: Any, weight: Any, digit_ids: tuple[int, ...], group: Any) -> Any:
            ctx.needs = (not hidden.stop_gradient, not weight.stop_gradient)
            ctx.group = group
            ctx.columns, ctx.rows = _own_digits(weight, digit_ids, group)
            ctx.save_for_backward(hidden, weight)
            logits = paddle.zeros([hidden.shape[0], len(digit_ids)])
            if ctx.rows:
                own = weight[paddle.to_tensor(ctx.rows)].astype("float32")
                logits[:, ctx.columns] = paddle.matmul(hidden.astype("float32"), own, transpose_y=True)
            if group is not None:
                paddle.distributed.all_reduce(logits, group=group)
            return logits

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            hidden, weight = ctx.saved_tensor()
            to_hidden = paddle.zeros(hidden.shape) if ctx.needs[0] else None
            to_weight = paddle.zeros(weight.shape, dtype=weight.dtype) if ctx.needs[1] else None
            if ctx.rows:
                rows = paddle.to_tensor(ctx.rows)
                own = gradient[:, ctx.columns]
                if to_hidden is not None:
                    to_hidden += paddle.matmul(own, weight[rows].astype("float32"))
                if to_weight is not None:
                    part = paddle.matmul(own, hidden.astype("float32"), transpose_x=True)
                    to_weight[rows] = part.astype(weight.dtype)
            if to_hidden is not None and ctx.group is not None:
                paddle.distributed.all_reduce(to_hidden, group=ctx.group)
            return None if to_hidden is None else to_hidden.astype(hidden.dtype), to_weight

    return DigitLogits


def _own_digits(weight: Any, digit_ids: Sequence[int], group: Any) -> tuple[list[int], list[int]]:
    """Return which of the digits this process has, and in which rows of its weight."""
    count = weight.shape[0]
    first = 0 if group is None else int(group.rank * count)
    found = [(digit, row) for digit, id_ in enumerate(digit_ids) if 0 <= (row := id_ - first) < count]
    return [digit for digit, _ in found], [row for _, row in found]
