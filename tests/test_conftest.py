"""Tests that share something slow run in one process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = """
import os
from pathlib import Path

import pytest


@pytest.fixture
def demo():
    pass


@pytest.mark.parametrize("number", range(4))
def test_of_a_file(number):
    note("{name}")


@pytest.mark.parametrize("number", range(4))
def test_of_the_demo(number, demo):
    note("demo")


@pytest.mark.xdist_group("own")
@pytest.mark.parametrize("number", range(4))
def test_of_a_group_of_its_own(number):
    note("own")


def note(group):
    with Path(__file__).with_name("groups.txt").open("a") as file:
        file.write(f"{{group}} {{os.getpid()}}\\n")
"""


def test_the_tests_of_a_group_run_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    for name in ("a", "b"):
        (tmp_path / f"test_{name}.py").write_text(FILE.format(name=name))
    words = ["-q", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "."],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert "24 passed" in done.stdout, done.stdout + done.stderr
    notes = [line.split() for line in (tmp_path / "groups.txt").read_text().splitlines()]
    assert len(notes) == 24
    assert sorted(group for group, _ in {tuple(note) for note in notes}) == ["a", "b", "demo", "own"]
    assert len({process for _, process in notes}) == 2
