"""A training process that is watched: its log becomes a progress bar, and nothing of it is left behind."""

import logging
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

from tqdm import tqdm

from train.launch.processes import MARK, PATIENCE_SECONDS, end_processes, new_mark

log = logging.getLogger(__name__)

TAIL_LINES = 400
QUIET_SECONDS = 30
STEP = re.compile(r"\bloss: ([\d.eE+-]+), learning_rate: ([\d.eE+-]+), global_step: (\d+)")
EVALUATION = re.compile(r"\beval_loss: ([\d.eE+-]+)")
BOXES = re.compile(r"\bboxes at step .*")
TOTAL = re.compile(r"Total optimization steps = ([\d,]+)")
ERROR = re.compile(r"^\w*(?:\.\w+)*(?:Error|Exception|Exit|Interrupt)\b.*")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large")
"""What the system says of a full disk, a full quota and `ulimit -f`."""

END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)

Lines = queue.Queue[str | None]


def run_child(
    command: Sequence[str],
    environment: dict[str, str],
    log_file: Path,
    folder: Path,
    *,
    mark: str | None = None,
    how_to_go_on: Callable[[], str] = lambda: "the same command goes on from its newest checkpoint",
) -> int:
    """Run a training command, show its progress, and return its exit code.

    Its whole output goes to `log_file`. Ctrl-C, SIGTERM and the end of the terminal end all of its processes
    and come back as KeyboardInterrupt. `how_to_go_on` is asked after the processes of a run that failed or
    was stopped have ended, for the line that says so.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log.info("log: %s", log_file)
    mark = mark or new_mark()
    previous = _catch_end_signals()
    with log_file.open("ab", buffering=0) as output:
        _write(output, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n".encode())
        lines: Lines = queue.Queue()
        try:
            child = subprocess.Popen(
                command,
                env={**environment, MARK: mark},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a terminal's Ctrl-C reaches us alone, and we end the rest
            )
            reader = threading.Thread(target=_copy, args=(child.stdout, output, lines), daemon=True)
            reader.start()
            try:
                tail = _watch(child, lines)
                code = child.wait()
            finally:
                end_processes(mark)
                child.wait()
                reader.join(PATIENCE_SECONDS)  # the log gets its last lines after an interrupt too
        except KeyboardInterrupt:
            log.warning("%s: stopped; %s", folder, how_to_go_on())
            raise
        finally:
            end_processes(mark)  # an interrupt can come while the process is being started
            for number, handler in previous.items():
                signal.signal(number, handler)
    if code:
        errors = meaningful_errors(tail)
        is_full = any(DISK_FULL.search(line) for line in tail)
        for line in () if is_full else errors:
            log.error("%s", line)
        reason = "the disk is full: make room, then " if is_full else ""
        log.error("%s: the training failed: %s%s; all it said: %s", folder, reason, how_to_go_on(), log_file)
    return 1 if code else 0


def _catch_end_signals() -> dict[int, Any]:
    """Let the signals that end a process interrupt the run, and return their handlers until now.

    One that is ignored stays so: nohup ignores the end of the terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {
        number: signal.signal(number, _interrupt)
        for number in END_SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN
    }


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _copy(source: IO[bytes], log_file: IO[bytes], lines: Lines) -> None:
    """Copy a process's output to the log and into a queue, None at its end."""
    with source:
        for line in source:
            _write(log_file, line)
            lines.put(COLOUR.sub("", line.decode("utf-8", "replace")).rstrip())
    lines.put(None)


def _write(log_file: IO[bytes], line: bytes) -> None:
    """Write a line to the log; where the disk is full it is lost, and the run is not."""
    with suppress(OSError):
        log_file.write(line)


def _watch(child: "subprocess.Popen[bytes]", lines: Lines) -> list[str]:
    """Show the progress that a process's output tells of until it ends, and return its last lines."""
    tail: list[str] = []
    bar: tqdm[NoReturn] = tqdm(total=None, unit="step", desc="starting", disable=None, dynamic_ncols=True)
    with bar:
        progress = Progress(bar)
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


class Progress:
    """What the log has said so far, on a progress bar or, where there is no terminal, in some lines."""

    def __init__(self, bar: "tqdm[NoReturn]") -> None:
        self.bar = bar
        self.total = 0
        self.shown = time.monotonic()
        self.status = "starting"

    def read(self, text: str) -> None:
        """Take a line of the trainer's log."""
        if found := TOTAL.search(text):
            self.total = int(found[1].replace(",", ""))
            self.bar.reset(total=self.total)
            self.bar.set_description("training")
        if found := STEP.search(text):
            loss, rate, step = float(found[1]), float(found[2]), int(found[3])
            self.status = f"step {step}/{self.total} loss {loss:.4f} learning rate {rate:.2e}"
            if not self.bar.disable:
                self.bar.set_postfix(loss=f"{loss:.4f}", lr=f"{rate:.2e}", refresh=False)
                self.bar.update(step - self.bar.n)
            elif step == self.total:
                self._say(self.status)
        if found := EVALUATION.search(text):
            self._say(f"eval loss {float(found[1]):.4f}")
        if found := BOXES.search(text):
            self._say(found[0])

    def tick(self) -> None:
        """Show that time passes: the start alone takes ten seconds, a first step on a large model minutes."""
        if not self.bar.disable:
            self.bar.refresh()
        elif time.monotonic() - self.shown >= QUIET_SECONDS:
            self._say(self.status)

    def _say(self, text: str) -> None:
        self.bar.clear()
        log.info("%s", text)
        self.shown = time.monotonic()


def meaningful_errors(tail: Sequence[str], count: int = 3) -> list[str]:
    """Return the last different error messages of a log, or its last lines where there are none."""
    errors = list(dict.fromkeys(line for line in tail if ERROR.match(line)))
    return errors[-count:] or [line for line in tail if line][-count:]
