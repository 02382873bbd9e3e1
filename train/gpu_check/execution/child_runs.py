"""Start this Python with words, keep all that it says in a log, and show that time passes."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from train.gpu_check.training_words import ROOT
from train.gpu_check.workplace import hanging, last_line
from train.launch.processes import MARK, PATIENCE_SECONDS

log = logging.getLogger(__name__)

QUIET_SECONDS = 60
SHOWN_CHARACTERS = 60
TICK_SECONDS = 0.5


class ChildRuns:
    """A `RunPython` over real processes; each has the mark of this start in its environment."""

    def __init__(self, mark: str, minutes: float) -> None:
        """Keep the mark, by which the next start finds what a killed one has left, and the longest time."""
        self.mark, self.minutes = mark, minutes

    def __call__(self, words: Sequence[str], log: Path, variables: Mapping[str, str]) -> int:
        """Append the command and all that it says to the log, and return its exit code.

        Raises:
            StepFailedError: it takes too long.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        shown = " ".join([*(f"{name}={value}" for name, value in variables.items()), "python", *words])
        with log.open("ab") as output:
            output.write(f"$ {shown}\n".encode())
            output.flush()
            child = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env={**os.environ, MARK: self.mark, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # only we get a terminal's Ctrl-C, and we end the rest
            )
        try:
            return _wait(child, log, time.monotonic() + 60 * self.minutes)
        finally:
            if child.poll() is None:
                child.terminate()  # `python -m train` ends its own processes then
                _wait_for_end(child)


def _wait_for_end(child: "subprocess.Popen[bytes]") -> None:
    try:
        child.wait(2 * PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait(child: "subprocess.Popen[bytes]", log_file: Path, deadline: float) -> int:
    with _clock(log_file.parent.name) as tick:
        while True:
            try:
                return child.wait(TICK_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise hanging(log_file) from None
                tick(log_file)


class _Clock:
    """Shows the last line of a log, in a terminal at every tick, and elsewhere once a minute."""

    def __init__(self, bar: "tqdm[NoReturn]") -> None:
        self.bar, self.started, self.shown = bar, time.monotonic(), time.monotonic()

    def __call__(self, log_file: Path) -> None:
        if not self.bar.disable:
            self.bar.set_postfix_str(last_line(log_file)[:SHOWN_CHARACTERS])
        elif time.monotonic() - self.shown >= QUIET_SECONDS:
            self.shown = time.monotonic()
            seconds = self.shown - self.started
            log.info("  %s: %.0f s, %s", log_file.parent.name, seconds, last_line(log_file))


@contextmanager
def _clock(name: str) -> Iterator[_Clock]:
    bar: tqdm[NoReturn] = tqdm(
        total=None, desc=name, bar_format="  {desc}: {elapsed} {postfix}", disable=None, leave=False
    )
    with bar:
        yield _Clock(bar)
