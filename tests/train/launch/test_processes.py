import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.train.conftest import HANG_SECONDS
from train.launch.processes import MARK, end_processes, marked

SLEEP = "print(flush=True); import time; time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


@contextmanager
def marked_process(mark: str, script: str = SLEEP) -> "Iterator[subprocess.Popen[str]]":
    """Start a process with a mark, in a session of its own, and wait until its script runs."""
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, MARK: mark},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
    finally:
        child.kill()
        child.wait()


def test_only_marked_processes_are_found() -> None:
    with marked_process("one") as child:
        assert marked("one") == [child.pid]
        assert marked("on") == []
    assert marked("one") == []


def test_a_zombie_has_ended() -> None:
    with marked_process("zombie") as child:
        child.kill()
        deadline = time.monotonic() + HANG_SECONDS
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
        assert marked("zombie") == []


def test_a_process_that_may_not_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    environ: Callable[[psutil.Process], dict[str, str]] = psutil.Process.environ
    with marked_process("here") as child, marked_process("here") as other:

        def refuse(process: psutil.Process) -> dict[str, str]:
            if process.pid == other.pid:
                raise psutil.AccessDenied(process.pid)
            return environ(process)

        monkeypatch.setattr(psutil.Process, "environ", refuse)
        assert marked("here") == [child.pid]


def test_a_process_that_ignores_the_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.launch.processes.PATIENCE_SECONDS", 0.5)
    with marked_process("both") as willing, marked_process("both", DEAF) as deaf:
        end_processes("both")
        assert (willing.wait(), deaf.wait()) == (-15, -9)


def test_a_process_of_another_user_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.launch.processes.PATIENCE_SECONDS", 0.5)
    terminate = psutil.Process.terminate
    with marked_process("users") as mine, marked_process("users") as other:

        def refuse(process: psutil.Process) -> None:
            if process.pid == other.pid:
                raise psutil.AccessDenied(process.pid)
            terminate(process)

        monkeypatch.setattr(psutil.Process, "terminate", refuse)
        end_processes("users")
        assert (mine.wait(), other.wait()) == (-15, -9)
