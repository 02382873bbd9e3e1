"""The processes of a run: found by a mark in their environment, in whatever session they are, and ended."""

import logging
import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path

from grounding.errors import UserError
from grounding.run_record import read_run

log = logging.getLogger(__name__)

MARK = "VISUAL_GROUNDING_RUN"
"""The environment variable that holds the mark."""

PATIENCE_SECONDS = 10


def new_mark() -> str:
    """Return a mark for the processes of one start."""
    return uuid.uuid4().hex


def end_processes(mark: str) -> None:
    """End every process of a run: terminate, wait, kill.

    The launcher puts its workers into sessions of their own, and the data loader's outlive a trainer that
    was killed: they are found by their environment, on systems that show it.
    """
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + PATIENCE_SECONDS
        for process in marked(mark):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal_number)
        while marked(mark) and time.monotonic() < deadline:
            time.sleep(0.2)
        if not marked(mark):
            return


def marked(mark: str) -> list[int]:
    """Return the ids of the living processes with this mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_zombie = "\nState:\tZ" in (entry / "status").read_text()
            if not is_zombie and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end_earlier_start(folder: Path) -> None:
    """End what a start of this run has left running, as a trainer outlives a launch that was killed.

    Raises:
        UserError: that start is not over.
    """
    record = read_run(folder)
    processes = marked(record.mark) if record else []
    if not record or not processes:
        return
    if is_training(record.process):
        raise UserError(f"{folder}: is being trained by process {record.process}: wait for it, or stop it")
    log.warning("%s: ending %d processes that a killed start has left", folder, len(processes))
    end_processes(record.mark)


def is_training(process: int) -> bool:
    """Tell whether a process is a launch of a training."""
    try:
        return b"train" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
