"""`python -m infer.parallel RECIPE [key=value ...]`: the shards of a run side by side, one on each GPU.

One process of `python -m infer` is started for every GPU that is visible, or as many as `processes=` says,
each with its share of the images; what they predict is merged and scored. Started again after it was
stopped, it goes on.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from grounding.errors import UserError, run_command
from grounding.recipe import load_recipe, recipe_arguments
from infer.recipe import InferRecipe

POLL_SECONDS = 0.2


def run_shards(recipe: Path, overrides: Sequence[str], devices: Sequence[str | None]) -> None:
    """Run a process of `python -m infer` for each device, None being the CPU, until all have ended.

    Raises:
        UserError: one of them failed; the others are stopped, and what it said is on standard error.
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
                "mend it, and start the same command again to go on"
            )


def _wait(processes: Sequence["subprocess.Popen[bytes]"]) -> int | None:
    """Wait until all have ended well, or one has failed, and return the number of that one."""
    while True:
        codes = [process.poll() for process in processes]
        failed = next((number for number, code in enumerate(codes) if code), None)
        if failed is not None or None not in codes:
            return failed
        time.sleep(POLL_SECONDS)


def _start(
    arguments: list[str], device: str | None, threads: int, log: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """Start a shard; the first shows its progress, which is that of all, and the others write into files."""
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


def _devices(recipe: InferRecipe, processes: int | None) -> list[str | None]:
    """Return a device a process: the visible GPUs in turn, or None on a CPU."""
    from infer.engines.paddle.devices import count_gpus

    count = 0 if recipe.device == "cpu" or recipe.engine != "paddle" else count_gpus()
    if count == 0 and processes is None:
        raise UserError("processes: no GPU to count them by: say how many, such as processes=2")
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = named if len(named) == count and count else [str(number) for number in range(count)]
    return [names[number % count] if count else None for number in range(processes or count)]


def _take_processes(overrides: Sequence[str]) -> tuple[int | None, list[str]]:
    """Split off `processes=N`, which is this command's own."""
    own = [word for word in overrides if word.startswith("processes=")]
    if not own:
        return None, list(overrides)
    value = own[-1].partition("=")[2]
    if not value.isdecimal() or int(value) < 1:
        raise UserError(f"processes: '{value}' is not a number from 1 on")
    return int(value), [word for word in overrides if word not in own]


def main() -> None:
    """Run the shards, merge them, and score them where there is a truth."""
    path, words = recipe_arguments(
        InferRecipe,
        prog="python -m infer.parallel",
        description=__doc__ or "",
        example="python -m infer.parallel recipes/infer/demo.yaml processes=2",
    )
    processes, overrides = _take_processes(words)
    recipe = load_recipe(InferRecipe, path, overrides)
    if recipe.shard is not None:
        raise UserError("shard: is set by this command, once for every process: leave it out")
    run_shards(path, overrides, _devices(recipe, processes))
    from infer.merge import merge_shards

    predictions = merge_shards(recipe.output_path)
    if recipe.split == "val":
        from infer.scoring.outputs import write_scores

        sys.stdout.write(write_scores(predictions))
    else:
        sys.stdout.write(f"{predictions}\n")


if __name__ == "__main__":
    sys.exit(run_command(main))
