"""Kill a training as `kill -9` does, when it has written a checkpoint."""

import os
import subprocess
import sys
import time
from contextlib import suppress

import psutil

from grounding.run_record import read_run
from train.checkpoints import what_is_missing
from train.gpu_check.finding import StepFailedError
from train.gpu_check.training_words import ROOT, Training
from train.gpu_check.workplace import Workplace, hanging, last_line
from train.launch.processes import marked

POLL_SECONDS = 0.02


def run_until_killed(place: Workplace, step: str, training: Training, save_step: int) -> None:
    """Start a training, and kill the command and all of its processes at the checkpoint of a step.

    Raises:
        StepFailedError: the training has ended before, or takes too long.
    """
    log, deadline = place.log_of(step), time.monotonic() + 60 * place.settings.minutes
    with log.open("ab") as output:
        output.write(f"$ python {' '.join(training.words)}\n".encode())
        output.flush()
        process = subprocess.Popen(
            [sys.executable, *training.words],
            cwd=ROOT,
            env={**os.environ, **place.visible(training.gpus)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while what_is_missing(training.run / f"checkpoint-{save_step}") is not None:
            if process.poll() is not None:
                said = last_line(log)
                raise StepFailedError(f"the training ended before its checkpoint of step {save_step}: {said}")
            if time.monotonic() > deadline:
                raise hanging(log)
            time.sleep(POLL_SECONDS)
    finally:
        _kill(process, training)


def _kill(process: "subprocess.Popen[bytes]", training: Training) -> None:
    """Kill the command first, so that it cannot record how its trainer ended, then the trainer."""
    process.kill()
    process.wait()
    record = read_run(training.run)
    for number in marked(record.mark) if record else ():
        with suppress(psutil.Error):  # it has ended
            psutil.Process(number).kill()
