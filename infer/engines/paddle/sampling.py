"""Sampling of tokens from logits, with random numbers from outside."""

from collections.abc import Sequence
from typing import Any


def sample(logits: Any, top_p: float, numbers: Sequence[float]) -> Any:
    """Sample one token for each row of logits (rows, vocabulary), and return the ids (rows).

    `numbers` gives a random number in 0..1 for each row. The token comes from the smallest set of most likely
    tokens that together have the probability `top_p`. The set is kept in the vocabulary's order, so that
    rounding does not decide between tokens of equal probability.
    Source: Holtzman et al., The Curious Case of Neural Text Degeneration, 2020, section 3.1.
    """
    import paddle
    from paddle.nn import functional

    probabilities = functional.softmax(logits, axis=-1)
    if top_p < 1:
        ranked = probabilities.sort(axis=-1, descending=True)
        last = (ranked.cumsum(axis=-1) < top_p).astype("int64").sum(-1, keepdim=True)
        least = paddle.take_along_axis(ranked, last.clip(max=logits.shape[-1] - 1), axis=-1)
        probabilities = probabilities * (probabilities >= least).astype(probabilities.dtype)
    sums = probabilities.cumsum(axis=-1)
    below_one = paddle.to_tensor(list(numbers), dtype=sums.dtype).clip(max=1 - 1e-6).unsqueeze(-1)
    return (sums <= below_one * sums[:, -1:]).astype("int64").sum(-1)


def most_likely(logits: Any, count: int) -> list[list[tuple[int, float]]]:
    """Return each row's most likely tokens, the likeliest first: their ids and logarithms of probability."""
    import paddle

    values, ids = paddle.topk(logits, min(count, logits.shape[-1]), axis=-1)
    logprobs = _less_sum(values, logits)
    return [list(zip(*row, strict=True)) for row in zip(ids.tolist(), logprobs.tolist(), strict=True)]


def log_probabilities(logits: Any, token_ids: Any) -> Any:
    """Return the natural logarithm of each row's probability of its token, (rows)."""
    import paddle

    picked = paddle.take_along_axis(logits, token_ids.unsqueeze(-1), axis=-1).squeeze(-1)
    return _less_sum(picked.unsqueeze(-1), logits).squeeze(-1)


def entropies(logits: Any) -> Any:
    """Return the entropy of each row's distribution, in nats, (rows), from logits (rows, vocabulary)."""
    logprobs = _less_sum(logits, logits)
    probabilities = logprobs.exp()
    return -(probabilities * logprobs.clip(min=-1e4)).sum(
        -1
    )  # a forbidden token's: 0 x infinity is no number


def _less_sum(values: Any, logits: Any) -> Any:
    """Return values (rows, any) less the logarithm of the summed exponentials of logits (rows, vocabulary).

    In float64: beside a probability near 1, a sum in float32 loses the many small ones.
    """
    return values.astype("float64") - logits.astype("float64").logsumexp(-1, keepdim=True)
