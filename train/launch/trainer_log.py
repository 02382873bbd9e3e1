"""What PaddleFormers' log says: steps, losses, evaluations, errors."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

NUMBER = r"([+-]?(?:\d[\d.]*(?:[eE][+-]?\d+)?|\.\d+|nan|inf(?:inity)?)\b)"
"""A number as Python writes it, a loss that is NaN or infinite too."""

STEP = re.compile(rf"(?i:\bloss: {NUMBER}, learning_rate: {NUMBER}), global_step: (\d+)")
REWARD = re.compile(rf"\bgrpo_reward: {NUMBER}, grpo_F1: {NUMBER}")
"""Our own figures: mean reward and F1 of the answers that the model learned from."""

EVAL_LOSS = re.compile(rf"(?i:\beval_loss: {NUMBER})")
EVAL_VALUES = re.compile(rf"\beval_(\w+): (?i:{NUMBER})")
NO_SCORES = ("runtime", "samples_per_second", "steps_per_second")
BOXES = re.compile(r"\bboxes at step .*")
KEEP = re.compile(r"\bkeep at step .*")
BEST = re.compile(r"\bbest weights: .*")
TOTAL = re.compile(r"Total optimization steps = ([\d,]+)")
MEASURED = re.compile(r"\btoken lengths: ([\d,]+) of ([\d,]+) records")
"""Our own line: the lengths of so many records are known, and the number of steps when all are."""

ERROR = re.compile(r"^\w*(?:\.\w+)*(?:Error|Exception|Exit|Interrupt)\b.*")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large")
"""The system's words for a full disk, a full quota and `ulimit -f`."""

NOT_FINITE = re.compile(r"^FloatingPointError: ")
"""The error with which a run ends whose numbers are NaN or infinite: its message says what to do."""


@dataclass(frozen=True)
class LoggedProgress:
    """How far a run has come: the number of steps, the last step with its loss, the last evaluation."""

    max_steps: int | None = None
    step: int = 0
    loss: float | None = None
    evaluation: dict[str, float] = field(default_factory=dict)


def read_progress(log_file: Path, start: int = 0) -> LoggedProgress:
    """Read a trainer's log from a byte on; the log of a run that was killed tells how far it came.

    A line whose numbers are none is passed over: the log can be somebody else's.
    """
    total, step, loss, evaluation = None, 0, None, {}
    if log_file.is_file():
        with log_file.open("rb") as file:
            file.seek(max(0, min(start, log_file.stat().st_size)))
            for raw in file:
                line = without_colour(raw)
                with suppress(ValueError):
                    if found := STEP.search(line):
                        loss, step = float(found[1]), int(found[3])
                    elif found := TOTAL.search(line):
                        total = int(found[1].replace(",", ""))
                    elif "eval_loss" in line:
                        pairs = EVAL_VALUES.findall(line)
                        evaluation = {name: float(value) for name, value in pairs if name not in NO_SCORES}
    return LoggedProgress(total, step, loss, evaluation)


def without_colour(line: bytes) -> str:
    """Return a line of the log as text, without the codes that colour it in a terminal."""
    return COLOUR.sub("", line.decode("utf-8", "replace"))


def meaningful_errors(tail: Sequence[str], count: int = 3) -> list[str]:
    """Return the last different error messages of a log, or its last lines if there are none."""
    errors = list(dict.fromkeys(line for line in tail if ERROR.match(line)))
    return errors[-count:] or [line for line in tail if line][-count:]


def is_disk_full(tail: Sequence[str]) -> bool:
    """Tell whether the last lines of a log say that the disk is full."""
    return any(DISK_FULL.search(line) for line in tail)


def is_not_finite(tail: Sequence[str]) -> bool:
    """Tell whether the last lines of a log say that the numbers are NaN or infinite."""
    return any(NOT_FINITE.match(line) for line in tail)
