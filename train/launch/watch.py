"""Run a training process: copy its output to a log, show its progress, end all of its processes."""

import logging
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from tqdm import tqdm

from train.launch.processes import MARK, PATIENCE_SECONDS, end_processes, new_mark
from train.launch.trainer_log import is_disk_full, is_not_finite, meaningful_errors, without_colour
from train.launch.training_bar import TrainingBar

log = logging.getLogger(__name__)

TAIL_LINES = 400
END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)

Lines = queue.Queue[str | None]


def run_child(
    command: Sequence[str],
    environment: dict[str, str],
    log_file: Path,
    folder: Path,
    *,
    mark: str | None = None,
    how_to_resume: Callable[[], str] = lambda: "the same command resumes from its newest checkpoint",
) -> int:
    """Run a training command, show its progress, and return 0, or 1 if it failed.

    Its whole output goes to `log_file`. Ctrl-C, SIGTERM and the end of the terminal end all of its processes
    and raise KeyboardInterrupt. `how_to_resume` is called after the processes of a run that failed or was
    stopped have ended, for the last line.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log.info("log: %s", log_file)
    mark = mark or new_mark()
    with end_signals_interrupt(), log_file.open("ab", buffering=0) as output:
        _write(output, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n".encode())
        try:
            code, tail = _run_marked(command, {**environment, MARK: mark}, output, mark)
        except KeyboardInterrupt:
            log.warning("%s: stopped; %s", folder, how_to_resume())
            raise
        finally:
            end_processes(mark)  # an interrupt can come while the process is being started
    if code:
        _say_failure(folder, log_file, tail, how_to_resume())
    return 1 if code else 0


def _run_marked(
    command: Sequence[str], environment: dict[str, str], output: IO[bytes], mark: str
) -> tuple[int, list[str]]:
    """Run a process to its end, and return its exit code and the last lines that it said."""
    lines: Lines = queue.Queue()
    child = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # only we get a terminal's Ctrl-C, and we end the rest
    )
    reader = threading.Thread(target=_copy, args=(child.stdout, output, lines), daemon=True)
    reader.start()
    try:
        tail = _watch(child, lines)
        return child.wait(), tail
    finally:
        end_processes(mark)
        child.wait()
        reader.join(PATIENCE_SECONDS)  # the log gets its last lines after an interrupt too


def _say_failure(folder: Path, log_file: Path, tail: Sequence[str], advice: str) -> None:
    is_full = is_disk_full(tail)
    for line in () if is_full else meaningful_errors(tail):
        log.error("%s", line)
    if is_full:
        advice = f"the disk is full: make room, then {advice}"
    elif is_not_finite(tail):
        advice = "its numbers are not finite any more"
    log.error("%s: the training failed: %s; all it said: %s", folder, advice, log_file)


@contextmanager
def end_signals_interrupt() -> Iterator[None]:
    """Let the signals that end a process raise KeyboardInterrupt; then put their handlers back.

    An ignored signal stays ignored: nohup ignores the end of the terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {
        number: signal.signal(number, _interrupt)
        for number in END_SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _copy(source: IO[bytes], log_file: IO[bytes], lines: Lines) -> None:
    """Copy a process's output to the log and into a queue, with None at its end."""
    with source:
        for line in source:
            _write(log_file, line)
            lines.put(without_colour(line).rstrip())
    lines.put(None)


def _write(log_file: IO[bytes], line: bytes) -> None:
    """Write a line to the log; if the disk is full, the line is lost and the run goes on."""
    with suppress(OSError):
        log_file.write(line)


def _watch(child: "subprocess.Popen[bytes]", lines: Lines) -> list[str]:
    """Show a process's progress until it ends, and return the last lines of its output."""
    tail: list[str] = []
    bar: tqdm[NoReturn] = tqdm(total=None, unit="step", desc="starting", disable=None, dynamic_ncols=True)
    with bar:
        progress = TrainingBar(bar)
        while True:
            try:
                line = lines.get(timeout=1)
            except queue.Empty:
                if child.poll() is not None:  # a process that it left behind keeps its output open
                    return tail
                progress.tick()
                continue
            if line is None:
                return tail
            tail = [*tail[-TAIL_LINES:], line]
            progress.read(line)
