"""The rules of the house that no tool checks: who imports whom, and how fast --help answers."""

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "grounding": set(),
    "prepare": {"grounding"},
    "train": {"grounding"},
    "infer": {"grounding"},
    "visualize": {"grounding", "infer"},
}
BRIDGES = {Path("train/inside/box_curves.py"): {"grounding", "infer", "visualize"}}
"""A model in training answers questions in its own process, by inference's own code (its docstring)."""

FRAMEWORK = {"paddle", "paddleformers"}
PLOTTING = {"matplotlib", "PIL", "gradio"}
SOURCES = [
    path.relative_to(ROOT) for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))
]


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_run_one_way(path: Path) -> None:
    package = path.parts[0]
    imported = imported_packages(path)
    assert imported & (set(MAY_IMPORT) - {package}) <= BRIDGES.get(path, MAY_IMPORT[package])
    if package != "train" and not path.match("infer/paddle_*.py"):
        assert not imported & FRAMEWORK
    if package == "grounding":
        assert not imported & PLOTTING


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
