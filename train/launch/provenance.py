"""Where a run comes from: its data, the versions of its libraries, the project's commit, the machine."""

import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from grounding.card import CARD_FILE
from grounding.errors import UserError
from grounding.files import file_sha256, read_json
from train.recipe import TrainRecipe

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("paddlepaddle", "paddlepaddle-gpu", "paddlefleet", "paddleformers", "transformers", "numpy")


def data_of(recipe: TrainRecipe, split: str) -> dict[str, Any]:
    """Return what a split's data is: the SHA-256 of its files, and the cards of prepared data sets.

    `path` is as the recipe writes it, with the `#100` of a file of which a part is taken.
    """
    files = recipe.data_files(split)
    cards = {str(file.parent): _card(file.parent) for file in files}
    return {
        "path": str(recipe.values[f"{split}_dataset_path"]),
        "sha256": {str(file): file_sha256(file) for file in files},
        "cards": cards,
    }


def _card(folder: Path) -> Any:
    try:
        return read_json(folder / CARD_FILE)
    except UserError:  # not made by `python -m prepare`: only the hash says what it is
        return None


def package_versions() -> dict[str, str]:
    """Return the versions that can change a result: the project's, Python's, the libraries'."""
    project = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    found = {"project": project[1] if project else "unknown", "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state(root: Path) -> dict[str, Any] | None:
    """Return a repository's commit and whether tracked files have changes; None if there is no commit."""
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):  # git is not installed, or there is no commit yet
        return None


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def devices_of(processes: int, *, has_gpu: bool) -> dict[str, Any]:
    """Return kind, number and name of the devices that a run computes on."""
    if not has_gpu:
        return {"kind": "cpu", "count": processes, "name": _cpu_name()}
    paddle = sys.modules["paddle"]  # imported by train/machine.py
    count = paddle.device.cuda.device_count()
    return {"kind": "gpu", "count": count, "name": paddle.device.cuda.get_device_name(0)}


def _cpu_name() -> str:
    cpus = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", cpus.read_text() if cpus.is_file() else "", re.M)
    return found[1] if found else platform.processor()
