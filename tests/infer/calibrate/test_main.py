import sys
from pathlib import Path

import pytest

from grounding.errors import run_command
from infer.calibrate.__main__ import main

RECIPE = Path(__file__).parents[3] / "recipes" / "infer" / "demo.yaml"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("split=val", "error: split: the calibration is fitted on the data set's calibration part"),
        ("split=train", "error: split: the calibration is fitted on the data set's calibration part"),
        ("tensor_parallel=2", "error: tensor_parallel: the calibration is made by one process"),
        ("checkpoint=nowhere", "error: nowhere: no such checkpoint folder"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    word: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["infer.calibrate", str(RECIPE), word])
    assert run_command(main) == 2
    assert message in capsys.readouterr().err
