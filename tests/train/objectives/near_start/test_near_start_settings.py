from pathlib import Path
from typing import Any

import pytest

from train.objectives.near_start.near_start_settings import (
    EwcSettings,
    NearStartSettings,
    read_near_start,
    usable_near_start,
)

FILE = "a/fisher.safetensors"


def test_a_weight_switches_it_on() -> None:
    assert read_near_start({"grounding_l2_to_start": 1}) == NearStartSettings(l2=1.0)
    given = {"grounding_ewc": {"fisher": FILE, "weight": 50}}
    assert read_near_start(given) == NearStartSettings(ewc=EwcSettings(Path(FILE), 50.0))
    assert read_near_start({}) is read_near_start({"grounding_l2_to_start": 0}) is None
    assert read_near_start({"grounding_ewc": None}) is None
    assert read_near_start({"grounding_ewc": {"fisher": FILE, "weight": 0}}) is None


@pytest.mark.parametrize("wrong", [-0.1, "1", True, None, float("nan"), float("inf"), [1]])
def test_a_wrong_weight_is_refused(wrong: Any) -> None:
    for given, key in (
        ({"grounding_l2_to_start": wrong}, "grounding_l2_to_start: "),
        ({"grounding_ewc": {"fisher": FILE, "weight": wrong}}, "grounding_ewc.weight: "),
    ):
        with pytest.raises(ValueError, match=key):
            read_near_start(given)
        assert usable_near_start(given) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (100.0, "100.0 is no mapping: write {fisher: FILE, weight: 100.0}"),
        ([FILE, 1.0], "is no mapping"),
        ({"fisher": FILE}, "grounding_ewc.weight: is missing"),
        ({"weight": 1.0}, "grounding_ewc.fisher: is missing"),
        ({"fisher": FILE, "wieght": 1.0}, "unknown key 'wieght', did you mean 'weight'"),
        ({"fisher": "", "weight": 1.0}, "grounding_ewc.fisher: '' is no path"),
        ({"fisher": 3, "weight": 1.0}, "grounding_ewc.fisher: 3 is no path"),
        ({"fisher": FILE, "weight": 2e12}, "must be at most 1e\\+12"),
    ],
)
def test_other_settings_of_ewc_are_refused(wrong: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_near_start({"grounding_ewc": wrong})
