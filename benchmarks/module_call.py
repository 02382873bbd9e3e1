"""How benchmarks run the project's modules."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from grounding.files import write_json

SECONDS_FILE = "processor_seconds.json"
"""What a folder that `timed_call` has filled has cost."""


def call(module: str, *words: object) -> str:
    """Run one of the project's modules, which skips what is already done, and return what it prints.

    Raises:
        SystemExit: the module failed.
    """
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {module} {' '.join(map(str, words))[:100]}\n")
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{module}: failed\n{done.stdout}{done.stderr}")
    return done.stdout


def timed_call(folder: Path, module: str, *words: object) -> float:
    """Run a module that fills a folder, and return its seconds of a processor; a finished one is kept.

    Raises:
        SystemExit: the module failed.
    """
    path = folder / SECONDS_FILE
    if not path.is_file():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        call(module, *words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        write_json(path, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return float(json.loads(path.read_text(encoding="utf-8")))
