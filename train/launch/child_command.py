"""Commands of this project that training starts as child processes, and waits for."""

import os
import subprocess
from collections.abc import Sequence
from typing import IO

from train.launch.command import python_path
from train.launch.watch import end_signals_interrupt


def run_to_end(command: Sequence[str], stdout: IO[str] | None = None) -> int:
    """Run a command to its end, and return its exit code; signals that end this process end it, too.

    It prints where this process does, or into `stdout`.
    """
    with end_signals_interrupt():
        child = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": python_path()},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
        )
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
