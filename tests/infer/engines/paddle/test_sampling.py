"""Log-probabilities of tokens, with an independent calculation in float64."""

import numpy as np

from infer.engines.paddle.sampling import log_probabilities, most_likely

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
