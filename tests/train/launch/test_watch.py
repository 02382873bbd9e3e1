import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.train.conftest import HANG_SECONDS
from train.launch.watch import run_child

ROOT = Path(__file__).resolve().parents[3]


def python(script: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(script)]


def test_output_goes_to_the_log_and_the_exit_code_comes_back(tmp_path: Path) -> None:
    log_file = tmp_path / "logs" / "train.log"
    assert run_child(python("print('hello')"), dict(os.environ), log_file, tmp_path) == 0
    assert log_file.read_text().endswith("\nhello\n")


def test_failure_shows_its_last_error_and_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log_file = tmp_path / "train.log"
    script = "raise ValueError('the label file is empty')"
    assert run_child(python(script), dict(os.environ), log_file, tmp_path) == 1
    assert "ValueError: the label file is empty" in caplog.text
    assert str(log_file) in caplog.text


def test_a_full_disk_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = "import errno, os; raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'shard')"
    arguments = python(script), dict(os.environ), tmp_path / "train.log", tmp_path
    assert run_child(*arguments, how_to_resume=lambda: "resume from checkpoint-8") == 1
    assert caplog.messages == [
        f"{tmp_path}: the training failed: the disk is full: make room, then resume from checkpoint-8; "
        f"all it said: {tmp_path / 'train.log'}"
    ]


def test_a_log_on_a_full_disk_stops_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    full = Path("/dev/full")
    assert run_child(python("print('x' * 99999)"), dict(os.environ), full, tmp_path) == 0
    assert run_child(python("raise ValueError('a label')"), dict(os.environ), full, tmp_path) == 1
    assert "ValueError: a label" in caplog.text


def test_a_process_that_outlives_its_parent_is_ended(tmp_path: Path) -> None:
    """As the data loader's workers do: in a session of its own, deaf to SIGTERM."""
    stray = """if True:
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(1, flush=True)
        time.sleep(600)
    """
    script = f"""
        import subprocess, sys
        stray = subprocess.Popen(
            [sys.executable, "-c", {stray!r}], start_new_session=True, stdout=subprocess.PIPE, text=True
        )
        stray.stdout.readline()
        print("pid", stray.pid)
    """
    assert run_child(python(script), dict(os.environ), tmp_path / "train.log", tmp_path) == 0
    pid = int((tmp_path / "train.log").read_text().split("pid ")[1])
    deadline = time.monotonic() + HANG_SECONDS
    while _is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.1)  # it is killed, and has lost its memory; its state follows
    assert not _is_running(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupt_ends_every_process(tmp_path: Path, number: signal.Signals) -> None:
    mark = f"test-{tmp_path}"
    script = f"""
        import logging, os
        from pathlib import Path
        from grounding.errors import run_command
        from train.launch.watch import run_child
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        folder = Path({str(tmp_path)!r})
        command = [{sys.executable!r}, "-c", "import time; time.sleep(600)"]
        run = lambda: run_child(command, dict(os.environ), folder / "train.log", folder)
        raise SystemExit(run_command(run))
    """
    environment = {**os.environ, "TRACE_OF_TEST": mark}
    child = subprocess.Popen(
        python(script),
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and what the tests start would inherit that.
        preexec_fn=heed_signals,
    )
    deadline = time.monotonic() + HANG_SECONDS
    while not _traces(mark, child.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _traces(mark, child.pid)
    child.send_signal(number)
    _, said = child.communicate(timeout=HANG_SECONDS)
    assert child.returncode == 130
    assert "resumes from its newest checkpoint" in said
    assert not _traces(mark, child.pid)


def heed_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _traces(mark: str, parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (
                int(entry.name) != parent
                and f"TRACE_OF_TEST={mark}".encode() in (entry / "environ").read_bytes()
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
