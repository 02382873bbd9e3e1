import math
from types import SimpleNamespace
from typing import Any

import pytest

from train.inside.patches.paddleformers_1_2.always.average_loss_over_all_steps import (
    COUNT,
    SUM,
    LossSum,
    joined,
    keep_sum,
    sum_of,
)


def test_a_state_keeps_the_sum() -> None:
    state = SimpleNamespace(log_history=[], global_step=10)
    keep_sum(state, joined(LossSum(12.0, 8), LossSum(6.0, 2)))
    assert state.log_history == [{SUM: 18.0, COUNT: 10, "step": 10}]
    assert sum_of(state) == LossSum(18.0, 10)


@pytest.mark.parametrize(
    "history",
    [
        None,
        "none",
        [None],
        [{}],
        [{SUM: "18.0", COUNT: 10, "step": 10}],
        [{SUM: math.nan, COUNT: 10, "step": 10}],
        [{SUM: 18.0, COUNT: [10], "step": 10}],
        [{SUM: 18.0, COUNT: 11, "step": 10}],
        [{SUM: 18.0, COUNT: 0, "step": 10}],
        [{SUM: 18.0, COUNT: 8, "step": 8}],
    ],
    ids=repr,
)
def test_what_is_no_sum_up_to_the_step_is_none(history: Any) -> None:
    assert sum_of(SimpleNamespace(log_history=history, global_step=10)) == LossSum()
