from typing import Any

import pytest

from train.objectives.near_start.near_start_settings import (
    NearStartSettings,
    read_near_start,
    usable_near_start,
)


def test_a_weight_switches_it_on() -> None:
    assert read_near_start({"grounding_l2_to_start": 1}) == NearStartSettings(l2=1.0)
    assert read_near_start({}) is read_near_start({"grounding_l2_to_start": 0}) is None


@pytest.mark.parametrize("wrong", [-0.1, "1", True, None, float("nan"), float("inf"), [1]])
def test_a_wrong_weight_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="grounding_l2_to_start: "):
        read_near_start({"grounding_l2_to_start": wrong})
    assert usable_near_start({"grounding_l2_to_start": wrong}) is None
