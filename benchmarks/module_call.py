"""How benchmarks run the project's modules."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def call(module: str, *words: object) -> None:
    """Run one of the project's modules; it skips what is already done.

    Raises:
        SystemExit: the module failed.
    """
    sys.stderr.write(f"{module} ...\n")
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{module}: failed\n{done.stdout}{done.stderr}")
