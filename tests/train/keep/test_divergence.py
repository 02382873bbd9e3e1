"""KL(tuned || base) against numbers made by hand and by another implementation."""

from math import exp, log

import numpy as np
import pytest
from scipy.special import log_softmax, rel_entr, softmax

from train.keep.divergence import FAR_BELOW, packed, token_divergences


def of(logits: object, base: object) -> list[float]:
    import paddle

    return token_divergences(
        paddle.to_tensor(np.asarray(logits, dtype="float32")),
        packed(paddle.to_tensor(np.asarray(base, dtype="float32"))),
    )


def test_it_is_what_a_hand_makes_of_two_known_models() -> None:
    """p is in the ratio 1 : 1/e, q in 1 : 1/e^3, so log(p/q) is log of the sums' ratio, and 2 more there."""
    sums = log((1 + exp(-3)) / (1 + exp(-1)))
    second = exp(-1) / (1 + exp(-1))
    [value] = of([[5.0, 4.0]], [[2.0, -1.0]])
    assert value == pytest.approx(sums + 2 * second, abs=1e-6)
    assert value == pytest.approx(0.273209, abs=1e-6)
    [back] = of([[2.0, -1.0]], [[5.0, 4.0]])
    assert back == pytest.approx(-sums - 2 * exp(-3) / (1 + exp(-3)), abs=1e-6)
    assert of([[5.0, 4.0], [2.0, -1.0]], [[2.0, -1.0], [5.0, 4.0]]) == [value, back]


@pytest.mark.parametrize("spread", [0.01, 1.0, 5.0, 20.0])
def test_it_is_none_between_equal_models_though_the_base_is_rounded(spread: float) -> None:
    """Logits of any height: adding a number to all of them changes no distribution."""
    numbers = np.random.default_rng(1).normal(size=(32, 3000)) * spread
    for value in of(numbers + 700.0, numbers):
        assert 0 <= value < 1e-6


def test_it_is_scipys() -> None:
    chance = np.random.default_rng(2)
    logits, base = chance.normal(size=(2, 16, 800)) * 3
    expected = rel_entr(softmax(logits, axis=1), softmax(base, axis=1)).sum(axis=1)
    assert of(logits, base) == pytest.approx(expected.tolist(), rel=1e-3)
    assert min(expected) > 1


def test_a_token_that_the_base_never_says_is_finite() -> None:
    [value] = of([[0.0, 0.0]], [[0.0, -3.0e38]])
    expected = 0.5 * log(0.5) + 0.5 * (log(0.5) - FAR_BELOW)
    assert value == pytest.approx(expected, rel=1e-6)
    assert packed_numbers([[0.0, -3.0e38]]) == [0.0, FAR_BELOW]


def packed_numbers(logits: list[list[float]]) -> list[float]:
    import paddle

    return [float(number) for number in packed(paddle.to_tensor(logits)).reshape(-1)]


def test_the_likeliest_tokens_are_kept_finest() -> None:
    import paddle

    logits = np.random.default_rng(3).normal(size=(4, 1000)).astype("float32") + 50
    kept = packed(paddle.to_tensor(logits))
    assert kept.dtype == np.float16
    likely = np.argsort(-logits, axis=1)[:, :50]
    error = np.abs(
        log_softmax(kept.astype("float64"), axis=1) - log_softmax(logits.astype("float64"), axis=1)
    )
    assert np.take_along_axis(error, likely, axis=1).max() < 1.5e-3
    assert (kept.max(axis=1) == 0).all()
