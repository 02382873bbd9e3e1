import pytest

from train.inside.patches.paddleformers_1_2.always.average_loss_since_resume import mean_since_resume


def test_the_sum_is_divided_by_the_steps_since_the_resume() -> None:
    losses = [2.0, 4.0]  # of steps 9 and 10
    assert mean_since_resume(sum(losses) / 10, steps=10, done_before=8) == pytest.approx(3.0)
    assert mean_since_resume(0.0, steps=8, done_before=8) == 0.0
