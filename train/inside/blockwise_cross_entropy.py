"""The cross entropy of a language model's head, a block of the vocabulary at a time.

The logits of all tokens never exist together: the forward pass keeps each token's maximum and sum of
exponentials, and the backward pass computes a block's logits again. Source of the running maximum and sum:
Milakov and Gimelshein 2018, "Online normalizer calculation for softmax", algorithm 3.

The label's own logit is kept apart from the sum of the others: loss = log(1 + exp(others - label)). Next to
the exponential of a label that is nearly certain, those of the others would be rounded away.

The head's gradient is exact in every block, as a block has all tokens. Blocks of tokens would have to add up
their parts of it in 16 bits, or in a second copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

BLOCK_LOGITS = 2**26
"""At most this many logits exist at a time, in float32 and in the weights' format: 0.4 GiB with bf16."""

BLOCK_ROWS = 8192
"""At most this many entries of the vocabulary are in a block, however few the tokens are: a block of a few
tokens stays in a processor's cache, and sums of fewer numbers are rounded less."""

LOWEST = -1e30
"""Less than any logit, and yet a number: the difference of two infinities would be none."""


def mean_cross_entropy(hidden: Any, weight: Any, labels: Any, ignored: int, group: Any = None) -> Any:
    """Return the mean loss of the learned tokens, a float32 scalar, NaN without a learned token.

    For the arguments see `losses_of_tokens`.
    """
    import paddle

    losses, learned = losses_of_tokens(hidden, weight, labels, ignored, group)
    if not learned.shape[0]:
        return hidden.astype("float32").sum() * float("nan")
    # Among zeros they are added in the order of all tokens: the sum is rounded as that of a whole loss is.
    return paddle.scatter(paddle.zeros([labels.flatten().shape[0]]), learned, losses).sum() / losses.shape[0]


def losses_of_tokens(
    hidden: Any, weight: Any, labels: Any, ignored: int, group: Any = None
) -> tuple[Any, Any]:
    """Return the losses of the learned tokens, float32 (tokens,), and their places among all tokens.

    Learned are the tokens whose label is not `ignored`. `hidden` is (..., width) and `labels` (...), in the
    same order. `weight` is (vocabulary, width), or this process's rows of it, if `group` is the group of
    processes that share the vocabulary. Without a learned token the losses are empty.
    """
    import paddle

    labels = labels.flatten()
    learned = paddle.nonzero(labels != ignored).flatten()
    if not learned.shape[0]:
        return paddle.zeros([0]), learned
    hidden = hidden.reshape([-1, hidden.shape[-1]])
    return _token_losses().apply(hidden.gather(learned), weight, labels.gather(learned), group), learned


@cache
def _token_losses() -> Any:
    """Return the layer of the losses of single tokens, float32 (tokens,)."""
    import paddle
    from paddle.autograd import PyLayer

    class TokenLosses(PyLayer):  # type: ignore[misc]  # paddle has no types
        @staticmethod
        def forward(ctx: Any, hidden: Any, weight: Any, labels: Any, group: Any) -> Any:
            ctx.needs = (not hidden.stop_gradient, not weight.stop_gradient)
            ctx.group = group
            # Mixed precision is written out below: it would also turn the exponentials into 16 bits.
            ctx.dtype = paddle.get_autocast_dtype() if paddle.is_autocast_enabled() else hidden.dtype
            with paddle.amp.auto_cast(enable=False):
                highest, total, target = _reduce_logits(hidden.astype(ctx.dtype), weight, labels, group)
                behind = total.log() + (highest - target)
                losses = behind.clip(min=0) + (-behind.abs()).exp().log1p()  # log(1 + exp(behind))
                with_label = paddle.maximum(highest, target)
                total = total * (highest - with_label).exp() + (target - with_label).exp()
            ctx.save_for_backward(hidden, weight, labels, with_label, total, losses)
            return losses

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            hidden, weight, labels, highest, total, losses = ctx.saved_tensor()
            with paddle.amp.auto_cast(enable=False):
                at_label = gradient * (-losses).expm1()  # the label's share less 1
                tokens = _Tokens(hidden.astype(ctx.dtype), labels, highest, gradient / total, at_label)
                to_hidden, to_weight = _gradients(tokens, weight, ctx.group, ctx.needs)
            return (
                None if to_hidden is None else to_hidden.astype(hidden.dtype),
                to_weight,
                None,
            )

    return TokenLosses


def _reduce_logits(hidden: Any, weight: Any, labels: Any, group: Any) -> tuple[Any, Any, Any]:
    """Return the highest of each token's other logits, their exponentials' sum, and the label's logit.

    All are float32 (tokens,), and the same on all processes of the group. The sum is relative to the highest.
    """
    import paddle

    tokens = hidden.shape[0]
    state = (paddle.full([tokens], LOWEST), paddle.zeros([tokens]), paddle.zeros([tokens]))
    for start, rows in _blocks(weight, tokens):
        state = _add_block(*state, hidden, rows, labels - (start + _first_row(weight, group)))
    highest, total, target = state
    if group is not None:
        own, highest = highest, highest.clone()
        paddle.distributed.all_reduce(highest, op=paddle.distributed.ReduceOp.MAX, group=group)
        total *= (own - highest).exp()
        for part in (total, target):
            paddle.distributed.all_reduce(part, group=group)
    return highest, total, target


def _add_block(
    highest: Any, total: Any, target: Any, hidden: Any, rows: Any, columns: Any
) -> tuple[Any, Any, Any]:
    """Return what _reduce_logits returns for the blocks until now and this one."""
    import paddle

    logits = _logits(hidden, rows)
    own = _replace_labels(logits, columns, paddle.full_like(highest, float("-inf")))
    higher = paddle.maximum(highest, logits.max(axis=1))
    exponentials = logits.subtract_(higher.unsqueeze(1)).exp_()
    return higher, total * (highest - higher).exp() + exponentials.sum(axis=1), target + own


@dataclass(frozen=True)
class _Tokens:
    """Learned tokens: their hidden states (tokens, width), and what makes a logit's gradient, all (tokens,).

    That is exp(logit - highest) x factor, and `at_label` for the label's.
    """

    hidden: Any
    labels: Any
    highest: Any
    factor: Any
    at_label: Any


def _gradients(tokens: _Tokens, weight: Any, group: Any, needs: tuple[bool, bool]) -> tuple[Any, Any]:
    """Return the gradients of hidden states, in float32, and of the weight; None for one without need."""
    import paddle

    hidden = tokens.hidden
    to_hidden = paddle.zeros(hidden.shape, dtype="float32") if needs[0] else None
    to_weight = paddle.empty(weight.shape, dtype=weight.dtype) if needs[1] else None
    for start, rows in _blocks(weight, hidden.shape[0]):
        shares = _logit_gradients(tokens, rows, start + _first_row(weight, group))
        if to_hidden is not None:
            to_hidden.add_(paddle.matmul(shares, rows.astype(hidden.dtype)).astype("float32"))
        if to_weight is not None:
            part = paddle.matmul(shares, hidden, transpose_x=True)
            to_weight[start : start + rows.shape[0]] = part.astype(weight.dtype)
        del shares  # before the next block's logits
    if to_hidden is not None and group is not None:
        paddle.distributed.all_reduce(to_hidden, group=group)
    return to_hidden, to_weight


def _logit_gradients(tokens: _Tokens, rows: Any, start: int) -> Any:
    """Return the gradients of a block's logits in the format of the hidden states, (tokens, rows)."""
    shares = _logits(tokens.hidden, rows).subtract_(tokens.highest.unsqueeze(1)).exp_()
    shares.multiply_(tokens.factor.unsqueeze(1))
    _replace_labels(shares, tokens.labels - start, tokens.at_label)
    return shares.astype(tokens.hidden.dtype)


def _blocks(weight: Any, tokens: int) -> Iterator[tuple[int, Any]]:
    """Yield the first row of each block of the weight, and the block's rows."""
    step = block_rows(tokens)
    for start in range(0, weight.shape[0], step):
        yield start, weight[start : start + step]


def block_rows(tokens: int) -> int:
    """Return how many entries of the vocabulary a block has at most, for a number of learned tokens."""
    return max(1, min(BLOCK_ROWS, BLOCK_LOGITS // tokens))


def _logits(hidden: Any, rows: Any) -> Any:
    """Return the logits of a block, float32 (tokens, rows), as a tensor that may be written to."""
    import paddle

    return paddle.matmul(hidden, rows.astype(hidden.dtype), transpose_y=True).astype("float32")


def _first_row(weight: Any, group: Any) -> int:
    """Return the vocabulary's entry in the first row of this process."""
    return 0 if group is None else int(group.rank * weight.shape[0])


def _replace_labels(block: Any, columns: Any, values: Any) -> Any:
    """Write values at labels' columns in a block (tokens, rows); return what was there, (tokens,).

    A column outside of the block writes nothing, and 0 is returned for it.
    """
    import paddle

    inside = (columns >= 0) & (columns < block.shape[1])
    places = (columns * inside.astype(columns.dtype)).unsqueeze(1)
    found = block.take_along_axis(places, axis=1, broadcast=False).squeeze(1)
    block.put_along_axis_(places, paddle.where(inside, values, found).unsqueeze(1), axis=1)
    return found * inside.astype(found.dtype)
