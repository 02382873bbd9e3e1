"""The rules of the house that no tool checks: how fast --help answers."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def processor_seconds_of_children() -> float:
    """Processor time: the time on the clock would measure the machine's other work, too."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize(
    "module",
    [
        "prepare",
        "prepare.check",
        "prepare.shapes",
        "prepare.show",
        "prepare.stats",
        "train",
        "train.check",
        "train.plan",
        "train.tiny",
        "train.export",
        "train.runs",
        "infer",
        "infer.score",
        "infer.serve",
        "infer.compare",
        "infer.parallel",
        "infer.merge",
        "infer.reliability",
        "visualize",
        "visualize.app",
    ],
)
def test_help_answers_at_once_with_an_example(module: str) -> None:
    seconds = []
    for _ in range(3):
        start = processor_seconds_of_children()
        shown = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True
        )
        seconds.append(processor_seconds_of_children() - start)
    assert shown.returncode == 0, shown.stderr
    assert f"python -m {module}" in shown.stdout
    assert "example" in shown.stdout
    assert min(seconds) < 0.3
