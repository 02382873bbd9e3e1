"""The command itself, with the step that needs no model."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.files import read_json
from train.gpu_check.__main__ import main
from train.launch.processes import marked

ROOT = Path(__file__).resolve().parents[3]
HANG_SECONDS = 300


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


def test_a_signal_ends_the_check_and_what_it_has_started(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "train.gpu_check", "packages", f"output_dir={tmp_path}"]
    check = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    log, mark = tmp_path / "packages" / "log.txt", tmp_path / "mark.json"
    while not (log.is_file() and log.stat().st_size):
        assert check.poll() is None
        time.sleep(0.05)
    check.send_signal(signal.SIGTERM)
    _, said = check.communicate(timeout=HANG_SECONDS)
    assert check.returncode == 130, said
    assert said.endswith("interrupted: repeat the command to resume\n")
    assert marked(read_json(mark)["mark"]) == []
    assert not (tmp_path / "packages" / "result.json").exists()


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
def test_bad_words_are_refused_before_anything_runs(words: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        main([*words, f"output_dir={tmp_path / 'out'}"])
    assert str(error.value).startswith(said)
    assert not list((tmp_path / "out").glob("*"))
