"""KL(tuned || base): how far a model has gone from the one that it was tuned from.

    KL = mean over the tokens of  sum over v of  p(v) log(p(v) / q(v))

p is the tuned model's distribution of the next token, over the whole vocabulary, and q the base's. The tokens
are the first of the base's own greedy answers, so that both are asked for the same thing. In nats. In this
direction it grows where the tuned model says what the base would not have said. Source: Kullback and Leibler,
On Information and Sufficiency, 1951.
"""

from typing import Any

FAR_BELOW = -65504.0
"""The least number of float16: a token that is so far below the likeliest one has the probability 0."""


def packed(logits: Any) -> Any:
    """Return logits (tokens, vocabulary) as a numpy array of float16 that keeps their distribution.

    Each row is less its largest number: float16 is finest near 0, where the likeliest tokens are.
    """
    import numpy as np
    import paddle

    logits = logits.astype("float32")
    below = logits - logits.max(axis=-1, keepdim=True)
    return paddle.clip(below, min=FAR_BELOW).numpy().astype(np.float16)


def token_divergences(logits: Any, base: Any) -> list[float]:
    """Return the divergence of each token's distribution, from logits (tokens, vocabulary) and packed ones.

    The packed rows are normalised again, so that rounding them to 16 bits moves the divergence by its square
    alone: it is 0 for equal models, to 1e-6.
    """
    import paddle

    with paddle.amp.auto_cast(enable=False):
        tuned = _log_shares(logits.astype("float64"))
        before = _log_shares(paddle.to_tensor(base).astype("float64"))
        return [float(value) for value in (tuned.exp() * (tuned - before)).sum(axis=-1).tolist()]


def _log_shares(logits: Any) -> Any:
    return logits - logits.logsumexp(axis=-1, keepdim=True)  # log_softmax ends at -64 on a CPU
