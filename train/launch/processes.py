"""The processes of a run, found by a mark in their environment, in whatever session they are."""

import logging
import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

from grounding.errors import UserError
from grounding.run_record import read_run

log = logging.getLogger(__name__)

MARK = "VISUAL_GROUNDING_RUN"
"""The environment variable that holds the mark."""

PATIENCE_SECONDS = 10


def new_mark() -> str:
    """Return a mark for the processes of one start."""
    return uuid.uuid4().hex


def end_processes(mark: str, variable: str = MARK) -> None:
    """End every process of a run: terminate, wait, kill.

    The launcher puts its workers into sessions of their own, and the data loader's workers outlive a trainer
    that was killed. Their environment still has the mark, and systems that show it let us find them.
    """
    for end in (psutil.Process.terminate, psutil.Process.kill):
        deadline = time.monotonic() + PATIENCE_SECONDS
        for process in _living(mark, variable):
            with suppress(psutil.Error):  # it has ended, or is another user's
                end(process)
        while marked(mark, variable) and time.monotonic() < deadline:
            time.sleep(0.2)
        if not marked(mark, variable):
            return


def marked(mark: str, variable: str = MARK) -> list[int]:
    """Return the ids of the living processes with this mark in their environment."""
    return [process.pid for process in _living(mark, variable)]


def _living(mark: str, variable: str) -> list[psutil.Process]:
    """Return the processes with a mark; zombies have no environment, and some processes may not be read."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(variable) == mark:
                found.append(process)
    return found


def end_earlier_start(folder: Path) -> None:
    """End the processes that an earlier start of this run has left: a trainer outlives a killed launch.

    Raises:
        UserError: the earlier start still runs.
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
    """Tell whether a process is a launch of a training: `train` is one of its words."""
    try:
        return "train" in psutil.Process(process).cmdline()
    except (psutil.Error, OSError, ValueError, OverflowError):
        return False
