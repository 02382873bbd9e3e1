"""The Python that has torch and transformers, for the tests that compare with them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forks.start import ASKING, forking

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def torch_python() -> Path:
    """The Python of .venv-torch, which is made where it is missing; skipped where it cannot be."""
    made = subprocess.run(["make", "setup-torch"], cwd=ROOT, capture_output=True, text=True)
    python = ROOT / ".venv-torch" / "bin" / "python"
    if made.returncode:
        said = (made.stderr.strip() or made.stdout.strip()).splitlines()
        reasons = [line for line in said if line.startswith("ERROR")] or said
        pytest.skip(f"make setup-torch: {reasons[-1]}")
    return python


@pytest.fixture(scope="module")  # it needs memory
def torch_forks(torch_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A program that runs scripts as torch_python does, in forks of one that has imported transformers."""
    folder = tmp_path_factory.mktemp("torch")
    with forking(torch_python, Path(__file__).with_name("torch_imports.py"), folder, {}) as socket:
        program = folder / "python"
        program.write_text(f'#!/bin/sh\nexec {torch_python} -S {ASKING} {socket} 1 . "$@"\n')
        program.chmod(0o700)
        yield program
