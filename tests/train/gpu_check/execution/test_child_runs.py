from pathlib import Path

import pytest

from train.gpu_check.execution.child_runs import ChildRuns
from train.gpu_check.finding import StepFailedError
from train.launch.processes import marked, new_mark


def test_the_log_has_the_command_and_all_that_it_says(tmp_path: Path) -> None:
    log = tmp_path / "step" / "log.txt"
    code = "import os, sys; print(os.environ['CARD']); sys.stderr.write('oh\\n'); sys.exit(3)"
    assert ChildRuns(new_mark(), 10)(["-c", code], log, {"CARD": "2,3"}) == 3
    assert log.read_text() == f"$ CARD=2,3 python -c {code}\n2,3\noh\n"


def test_an_interrupt_ends_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = new_mark()

    def interrupt(*_: object) -> None:
        assert len(marked(mark)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr("train.gpu_check.execution.child_runs._Clock.__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ChildRuns(mark, 10)(["-c", "import time; time.sleep(600)"], tmp_path / "log.txt", {})
    assert marked(mark) == []


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    mark = new_mark()
    code = "import time; print('waiting for another GPU', flush=True); time.sleep(600)"
    with pytest.raises(StepFailedError, match="a command hangs, and was ended"):
        ChildRuns(mark, 1e-3)(["-c", code], tmp_path / "log.txt", {})
    assert marked(mark) == []
