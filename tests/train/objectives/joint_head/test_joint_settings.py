from typing import Any

import pytest

from train.objectives.joint_head.joint_settings import JOINT_KEY, JointSettings, read_joint, usable_joint


@pytest.mark.parametrize("off", [{}, {JOINT_KEY: None}, {JOINT_KEY: False}])
def test_without_the_key_there_is_no_head(off: dict[str, Any]) -> None:
    assert read_joint(off) is None


def test_true_means_the_defaults_and_a_mapping_changes_some() -> None:
    assert read_joint({JOINT_KEY: True}) == JointSettings()
    assert read_joint({JOINT_KEY: {"weight": 2, "wrong": 0.3}}) == JointSettings(weight=2, wrong=0.3)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("yes", "'yes' is no mapping: write true, or {weight: 1.0}"),
        (1.0, "1.0 is no mapping"),
        ({"wrongs": 0.1}, "unknown key 'wrongs', did you mean 'wrong'?"),
        ({"weight": "1"}, "weight: '1' is str, must be float"),
        ({"into_model": 1}, "into_model: 1 is int, must be bool"),
        ({"hidden": True}, "hidden: True is bool, must be int"),
        ({"weight": 0}, "weight: 0 must be more than 0"),
        ({"weight": float("nan")}, "weight: nan is no number"),
        ({"weight_decay": float("inf")}, "weight_decay: inf is no number"),
        ({"l1_weight": -1.0}, "l1_weight: -1 must be 0 or more"),
        ({"answers": 1.1}, "answers: 1.1 is not between 0 and 1"),
        ({"jitter": -0.1}, "jitter: -0.1 is not between 0 and 1"),
        ({"hidden": 0}, "hidden: 0 is not between 1 and 4096"),
        ({"jittered": 0.9, "wrong": 0.2}, "1.2 together is more than 1"),
        ({"into_model": True}, "into_model: the pass with wrong boxes has no gradient: write apart: false"),
        ({"apart": False}, "answers: 1 with apart: false would leave the model little to learn"),
        ({"answers": 0}, "without wrong boxes a head learns that all are right"),
        ({"jittered": 0, "wrong": 0, "relabelled": 0}, "without wrong boxes"),
    ],
)
def test_what_cannot_be_is_refused(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=JOINT_KEY) as caught:
        read_joint({JOINT_KEY: value})
    assert said in str(caught.value)
    assert usable_joint({JOINT_KEY: value}) is None
