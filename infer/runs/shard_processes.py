"""Run the shards of a run side by side, each in a process of its own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from grounding.errors import UserError
from infer.engines.settings import EngineSettings

POLL_SECONDS = 0.2


def choose_devices(settings: EngineSettings, processes: int | None) -> list[str | None]:
    """Return the device of each process: the visible GPUs in turn, or None for the CPU.

    Without a number of processes, there is one for each GPU.

    Raises:
        UserError: neither a number of processes nor a GPU.
    """
    from infer.engines.paddle.devices import count_gpus

    count = 0 if settings.device == "cpu" or settings.engine != "paddle" else count_gpus()
    if count == 0 and processes is None:
        raise UserError("processes: there is no GPU to count: set their number, such as processes=2")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = visible if len(visible) == count and count else [str(number) for number in range(count)]
    return [names[number % count] if count else None for number in range(processes or count)]


def run_shards(recipe: Path, overrides: Sequence[str], devices: Sequence[str | None]) -> None:
    """Run a process of `python -m infer` for each device, None being the CPU, until all have ended.

    Raises:
        UserError: one of them failed; the others are stopped, and its messages are on standard error.
    """
    threads = max(1, (os.cpu_count() or 1) // len(devices))
    with ExitStack() as files:
        logs = [files.enter_context(tempfile.TemporaryFile()) for _ in devices]
        processes = [
            _start([str(recipe), *overrides, f"shard={number}/{len(devices)}"], device, threads, logs[number])
            for number, device in enumerate(devices)
        ]
        try:
            failed = _wait(processes)
        finally:
            for process in processes:
                process.terminate()
                process.wait()
        if failed is not None:
            logs[failed].seek(0)
            sys.stderr.write(logs[failed].read().decode("utf-8", "replace"))
            raise UserError(
                f"shard={failed}/{len(devices)} ended with exit code {processes[failed].returncode} (above): "
                "fix the cause, and repeat the command to resume"
            )


def _wait(processes: Sequence["subprocess.Popen[bytes]"]) -> int | None:
    """Wait until one process has failed, and return its number; None when all have ended well."""
    while True:
        codes = [process.poll() for process in processes]
        failed = next((number for number, code in enumerate(codes) if code), None)
        if failed is not None or None not in codes:
            return failed
        time.sleep(POLL_SECONDS)


def _start(
    arguments: list[str], device: str | None, threads: int, log: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """Start a shard; the first one's messages are shown, those of the others go to their logs."""
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    if device is not None:
        environment["CUDA_VISIBLE_DEVICES"] = device
    is_first = arguments[-1].startswith("shard=0/")
    return subprocess.Popen(
        [sys.executable, "-m", "infer", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=None if is_first else log,
    )
