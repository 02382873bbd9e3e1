"""The command itself, with the step that needs no model."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grounding.errors import UserError
from train.gpu_check.__main__ import main

ROOT = Path(__file__).resolve().parents[3]


def test_a_step_runs_and_the_report_is_written(tmp_path: Path) -> None:
    words = ["packages", f"output_dir={tmp_path}"]
    shown = subprocess.run(
        [sys.executable, "-m", "train.gpu_check", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert "2 packages  no conflict and 1 CPU  no conflict and 1 CPU  passed" in shown.stdout
    assert "2 packages: pip check finds no conflict" in shown.stderr
    report = (tmp_path / "report.md").read_text()
    assert report.startswith("# GPU check: 1 passed\n")
    assert str(tmp_path) not in report
    assert f"report: {tmp_path / 'report.md'}" in shown.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zero_step"], "'zero_step' is no step, did you mean 'zero-step'?"),
        (["modell=x"], "unknown key 'modell', did you mean 'model'?"),
        (["minutes=0"], "minutes: 0.0 is not more than 0"),
        (["model=/nowhere"], "model=/nowhere: no model folder with a config.json, and no hub id"),
        (["cards"], "cards: needs 1 GPU"),
        (["--fleet", "3"], "fleet-packages: needs 1 GPU"),
    ],
)
def test_bad_words_are_refused_before_anything_runs(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(UserError) as error:
        main([*words, f"output_dir={tmp_path / 'out'}"])
    assert str(error.value).startswith(said)
    assert not list((tmp_path / "out").glob("*"))
