"""The command itself, in processes of its own, with the step that needs no model."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def start(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "train.gpu_check", *words], cwd=ROOT, capture_output=True, text=True
    )


def test_a_step_runs_once_and_the_report_is_written(tmp_path: Path) -> None:
    for _ in range(2):
        shown = start("packages", f"output_dir={tmp_path}")
        assert shown.returncode == 0, shown.stderr
        assert "2 packages  no conflict and 1 CPU  no conflict and 1 CPU  passed" in shown.stdout
    assert "passed before: no conflict and 1 CPU" not in shown.stderr  # it was named
    report = (tmp_path / "report.md").read_text()
    assert report.startswith("# GPU check: 1 passed\n")
    assert str(tmp_path) not in report


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
def test_bad_words_are_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    shown = start(*words, f"output_dir={tmp_path / 'out'}")
    assert shown.returncode == 2
    assert shown.stderr.startswith(f"error: {said}")
    assert shown.stderr.count("\n") == 1
    assert shown.stdout == ""
