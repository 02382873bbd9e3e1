"""What a step finds, and the verdict about it."""

from dataclasses import dataclass
from pathlib import Path

PASSED, WRONG, LEFT_OUT = "passed", "FAILED", "left out"
"""The verdicts. A step that is left out has not run, and says why."""


class StepFailedError(Exception):
    """A command of a step has failed, or left something out; the message is the step's finding."""


@dataclass(frozen=True)
class Found:
    """What a step has found; `log` has the commands of the step and all that they said."""

    expected: str
    found: str
    verdict: str
    log: Path | None = None


def judged(expected: str, found: str, *, passed: bool) -> Found:
    """Return a finding with its verdict."""
    return Found(expected, found, PASSED if passed else WRONG)
