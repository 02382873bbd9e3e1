"""The losses and the memory that a trainer's log reports."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from train.gpu_check.finding import StepFailedError
from train.launch.run_folder import log_of
from train.launch.trainer_log import without_colour

STEP_LINE = re.compile(r"\bloss: (\S+), learning_rate: \S+, global_step: (\d+)")
"""Unlike the progress bar's, it reads `nan` and `inf`, too."""

PEAK = re.compile(r"\bmax_memory_reserved: ([\d.eE+-]+)")


def read_step_losses(run: Path) -> dict[int, float]:
    """Return the loss of every step that a run has logged; a step that was repeated has its last loss.

    Raises:
        StepFailedError: no loss was logged.
    """
    found = (STEP_LINE.search(line) for line in _lines(run))
    losses = {int(match[2]): _number(match[1]) for match in found if match}
    if not losses:
        raise StepFailedError(f"{log_of(run)} has no loss")
    return losses


def read_peak_memory(run: Path) -> float | None:
    """Return the most memory that the trainer has reserved on a GPU, in GiB; None if it logged none."""
    return max((float(match[1]) for line in _lines(run) if (match := PEAK.search(line))), default=None)


def largest_gap(first: Mapping[int, float], second: Mapping[int, float]) -> tuple[float, int]:
    """Return the largest relative difference of two runs' losses, and its step.

    A loss that is no finite number differs infinitely.

    Raises:
        StepFailedError: the runs have no step in common.
    """
    steps = sorted(first.keys() & second.keys())
    if not steps:
        raise StepFailedError("the two runs have logged no step in common")
    gaps = [(relative_gap(first[step], second[step]), step) for step in steps]
    return max(gaps)


def relative_gap(first: float, second: float) -> float:
    """Return the difference of two numbers by the larger one; infinite if one is no finite number."""
    if not (math.isfinite(first) and math.isfinite(second)):
        return math.inf
    largest = max(abs(first), abs(second))
    return abs(first - second) / largest if largest else 0.0


def _lines(run: Path) -> Iterator[str]:
    path = log_of(run)
    if path.is_file():
        with path.open("rb") as file:
            yield from (without_colour(line) for line in file)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
