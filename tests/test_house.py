"""The rules of the house that no tool checks: small folders, one name for one thing, quick --help."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.structure import files_per_folder, function_lengths, module_homonyms, public_homonyms

ROOT = Path(__file__).parents[1]
MOST_FILES, MOST_LINES = 13, 50
COMMANDS = {"benchmarks", "chain", "docs", "infer", "prepare", "train", "visualize"}
"""The folders that have commands."""

AT_ONCE = 0.3
"""Seconds of the processor; the quickest of three tries counts."""

ONE_FILE_A_KIND = {"prepare/sources/formats"}
"""Folders in which every file is one kind of the same thing, so their number is that of the kinds."""


def test_folders_and_functions_are_small() -> None:
    counts = files_per_folder(ROOT)
    assert counts.keys() >= ONE_FILE_A_KIND
    assert {folder for folder, count in counts.items() if count > MOST_FILES} <= ONE_FILE_A_KIND
    assert [where for lines, where in function_lengths(ROOT) if lines > MOST_LINES] == []


def test_a_name_stands_for_one_thing() -> None:
    assert module_homonyms(ROOT) == []
    assert public_homonyms(ROOT) == []


def test_ctrl_c_promises_to_resume_where_the_help_does() -> None:
    promising, saying = set(), set()
    for path in sorted(ROOT.glob("[a-z]*/**/*.py")):
        text = path.read_text(encoding="utf-8") if path.parts[len(ROOT.parts)] in COMMANDS else ""
        if call := re.search(r"\brun_command\(\w+(, resumes=False)?\)", text):
            name = str(path.relative_to(ROOT))
            promising |= set() if call[1] else {name}
            saying |= {name} if re.search(r"Interrupted\s\w+\sresume|to resume", text) else set()
    assert promising == saying != set()


def processor_seconds_of_children() -> float:
    """Processor time: the time on the clock would measure the machine's other work, too."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize(
    "module",
    [
        "chain",
        "prepare",
        "prepare.cache",
        "prepare.check",
        "prepare.describe",
        "prepare.detect",
        "prepare.each",
        "prepare.export",
        "prepare.inspect",
        "prepare.replay",
        "prepare.shapes",
        "prepare.show",
        "prepare.stats",
        "train",
        "train.blend",
        "train.box_head",
        "train.cache",
        "train.check",
        "train.plan",
        "train.tiny",
        "train.export",
        "train.fisher",
        "train.gpu_check",
        "train.runs",
        "infer",
        "infer.calibrate",
        "infer.score",
        "infer.segment",
        "infer.serve",
        "infer.serve_masks",
        "infer.suite",
        "infer.compare",
        "infer.cycle",
        "infer.dlc_bench",
        "infer.parallel",
        "infer.report",
        "infer.merge",
        "infer.pairs",
        "infer.mine",
        "infer.parity",
        "infer.reliability",
        "visualize",
        "visualize.app",
    ],
)
def test_help_answers_at_once_with_an_example(module: str) -> None:
    seconds: list[float] = []
    while len(seconds) < 3 and min(seconds, default=1.0) >= AT_ONCE:
        start = processor_seconds_of_children()
        shown = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True
        )
        seconds.append(processor_seconds_of_children() - start)
    assert shown.returncode == 0, shown.stderr
    assert f"python -m {module}" in shown.stdout
    assert "example" in shown.stdout
    assert min(seconds) < AT_ONCE
