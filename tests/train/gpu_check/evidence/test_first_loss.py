import numpy as np
import pytest

from train.gpu_check.evidence.first_loss import token_losses


def test_only_learned_tokens_have_a_loss() -> None:
    logits = np.array([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0], [1000.0, 0.0, 1000.0, 0.0]], np.float32)
    losses = token_losses(logits, np.array([3, -100, 0]))
    assert losses == pytest.approx([np.log(4), np.log(2)])
