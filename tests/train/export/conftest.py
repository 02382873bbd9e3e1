"""The Python that has torch and transformers, for the tests that compare with them."""

import subprocess
from pathlib import Path

import pytest

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
