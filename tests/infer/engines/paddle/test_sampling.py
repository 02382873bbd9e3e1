"""Log-probabilities of tokens, with an independent calculation in float64."""

import numpy as np
import pytest

from infer.engines.paddle.sampling import entropies, log_probabilities, most_likely

VOCABULARY = 150_000


def test_probabilities_near_1_keep_the_many_small_ones_beside_them() -> None:
    """A sum in float32 loses them: 1 and a hundred-thousandth of 1e-8 each is 1 there."""
    import paddle

    logits = np.full((2, VOCABULARY), 80.0, np.float32)
    logits[0, 7], logits[1, 7], logits[1, 8] = 100.5, 97.25, 96.0
    exact = logits.astype(np.float64)
    exact -= np.log(np.exp(exact - 100).sum(-1, keepdims=True)) + 100
    assert -1e-3 < exact[0, 7] < -1e-4
    given = paddle.to_tensor(logits)
    found = log_probabilities(given, paddle.to_tensor([7, 8])).numpy()
    assert np.abs(found - exact[[0, 1], [7, 8]]).max() < 1e-9
    likely = most_likely(given, 2)
    assert [row[0][0] for row in likely] == [7, 7]
    assert likely[1][1][0] == 8
    assert (
        np.abs(np.array([[value for _, value in row] for row in likely])[1] - exact[1, [7, 8]]).max() < 1e-9
    )


def test_entropies_are_those_of_the_whole_distribution() -> None:
    import paddle

    alike = np.zeros((1, VOCABULARY), np.float32)
    assert entropies(paddle.to_tensor(alike)).item() == pytest.approx(np.log(VOCABULARY))
    sharp, two = alike.copy(), np.full((1, VOCABULARY), -np.inf, np.float32)
    sharp[0, 3], two[0, :2] = 1000, (np.log(0.25), np.log(0.75))
    assert entropies(paddle.to_tensor(sharp)).item() == pytest.approx(0, abs=1e-12)
    expected = -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    assert entropies(paddle.to_tensor(two)).item() == pytest.approx(expected, abs=1e-6)
