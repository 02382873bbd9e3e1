"""The mean of squared gradients of log-likelihoods: the diagonal of the empirical Fisher information.

    F_i = 1 / N x sum over the records n of (d log p(answer_n | question_n; theta) / d theta_i)^2

The log-likelihood of an answer is the sum of those of its tokens, and each record is squared alone. With the
answers of the data, and not samples of the model's own, it is the empirical Fisher: near the true one where
the model answers as the data does; elsewhere it also measures how wrong the model is (Kunstner, Hennig,
Balles 2019, "Limitations of the Empirical Fisher Approximation", arXiv 1905.12558). Kirkpatrick et al. 2017
weigh the penalty of elastic weight consolidation by the diagonal (arXiv 1612.00796).
"""

from collections.abc import Iterable
from typing import Any


def mean_squared_gradients(
    parameters: Iterable[Any], log_likelihoods: Iterable[Any]
) -> tuple[list[Any], int]:
    """Return the mean squared gradient of each parameter, float32, and the number of records.

    `log_likelihoods` are scalars, one for each record, each made when it is asked for. A parameter that no
    record touches has zeros. Without a record the number is 0.
    """
    import paddle

    learned = list(parameters)
    sums = [paddle.zeros(each.shape, dtype="float32") for each in learned]
    count = 0
    for log_likelihood in log_likelihoods:
        log_likelihood.backward()
        count += 1
        for total, each in zip(sums, learned, strict=True):
            if each.grad is not None:
                total.add_(each.grad.astype("float32").square())
                each.clear_gradient(False)
    return [total.scale_(1 / max(1, count)) for total in sums], count
