"""The Fisher information of a softmax model, which is known in closed form."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from train.fisher.squared_gradients import mean_squared_gradients

RECORDS, INPUTS, CLASSES = 7, 3, 4


def softmax(logits: Any) -> Any:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_a_softmax_model_has_the_information_of_the_closed_form() -> None:
    """d log p(y | x) / d W_jk is x_j (1[y = k] - p_k); its square is averaged over the records."""
    import paddle

    numbers = np.random.default_rng(5)
    inputs = numbers.normal(size=(RECORDS, INPUTS)).astype("float32")
    inputs[:, 2] = 0.0  # no record touches the weights of this input
    answers = numbers.integers(CLASSES, size=RECORDS)
    layer, other = paddle.nn.Linear(INPUTS, CLASSES), paddle.nn.Linear(2, 2)

    def log_likelihoods() -> Iterator[Any]:
        for row, answer in zip(inputs, answers, strict=True):
            yield paddle.nn.functional.log_softmax(layer(paddle.to_tensor(row)))[int(answer)]

    parameters = [layer.weight, layer.bias, other.weight]
    (weight, bias, untouched), count = mean_squared_gradients(parameters, log_likelihoods())
    apart = np.eye(CLASSES)[answers] - softmax(inputs @ layer.weight.numpy() + layer.bias.numpy())
    wanted = np.mean(np.square(inputs[:, :, None] * apart[:, None, :]), axis=0)
    assert count == RECORDS
    np.testing.assert_allclose(weight.numpy(), wanted, rtol=1e-5)
    np.testing.assert_allclose(bias.numpy(), np.mean(np.square(apart), axis=0), rtol=1e-5)
    assert (weight.numpy()[2] == 0).all()
    assert (untouched.numpy() == 0).all()
    assert all(each.grad is None or each.grad.abs().max().item() == 0 for each in parameters)


def test_each_record_is_squared_alone() -> None:
    """Gradients that cancel each other in a batch still say that the weight matters."""
    import paddle

    weight = paddle.to_tensor([2.0], stop_gradient=False)
    (found,), count = mean_squared_gradients([weight], (sign * weight[0] for sign in (3.0, -3.0)))
    assert (found.item(), count) == (9.0, 2)


def test_no_record_has_no_information() -> None:
    import paddle

    (found,), count = mean_squared_gradients([paddle.ones([2])], [])
    assert (found.tolist(), count) == ([0.0, 0.0], 0)
