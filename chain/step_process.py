"""A step's command as a child process: started, waited for, and ended with all that it has started."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from train.launch.command import python_path
from train.launch.processes import end_processes, new_mark
from train.launch.watch import end_signals_interrupt

CHAIN_MARK = "VISUAL_GROUNDING_CHAIN"
"""The environment variable by which the processes of a step are found after their chain was killed."""

SIGNAL_CODE = 128
PATIENCE_SECONDS = 60
"""A training that is interrupted ends its own processes first."""


def run_step(words: Sequence[str], mark: str) -> int:
    """Run `python -m WORDS` to its end and return its exit code, 128 and more if a signal ended it.

    It has a session of its own, so that a terminal's Ctrl-C reaches this process alone. Ctrl-C, SIGTERM and
    the end of the terminal interrupt the command as Ctrl-C does; KeyboardInterrupt follows when it has ended.
    """
    environment = {**os.environ, "PYTHONPATH": python_path(), CHAIN_MARK: mark}
    with end_signals_interrupt():
        child = None
        try:
            with _ctrl_c_heard():
                child = subprocess.Popen(
                    [sys.executable, "-m", *words],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            code = child.wait()
        except KeyboardInterrupt:
            if child is not None:
                _interrupt_child(child)
            end_step(mark)  # also a process that was being started, and what the command has left
            raise
    return code if code >= 0 else SIGNAL_CODE - code


@contextmanager
def _ctrl_c_heard() -> Iterator[None]:
    """Let what is started here hear SIGINT, which shells tell jobs in the background to ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt_child(child: "subprocess.Popen[bytes]") -> None:
    """Tell a command and its processes to stop as a terminal does, and wait until they have ended."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(PATIENCE_SECONDS)


def new_step_mark() -> str:
    """Return a mark for the processes of one start of a step."""
    return new_mark()


def end_step(mark: str) -> None:
    """End the processes that a killed chain has left of a step."""
    end_processes(mark, CHAIN_MARK)
