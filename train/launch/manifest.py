"""run.json of a training: written when it starts, and again when it ends."""

import dataclasses
import hashlib
import os
import platform
import re
import subprocess
import sys
import time
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from grounding.card import CARD_FILE
from grounding.errors import UserError
from grounding.files import read_json
from grounding.run_record import KILLED, RUNNING, RunRecord, Start, read_run, write_run
from train.launch.watch import COLOUR, STEP, TOTAL

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("paddlepaddle", "paddlepaddle-gpu", "paddlefleet", "paddleformers", "transformers", "numpy")
EVALUATION = re.compile(r"\beval_(\w+): (-?[\d.]+(?:e[+-]?\d+)?)")
NO_SCORES = ("runtime", "samples_per_second", "steps_per_second")
BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a log says a run has come: of how many steps, the last with its loss, the last evaluation."""

    max_steps: int | None = None
    step: int = 0
    loss: float | None = None
    evaluation: dict[str, float] = dataclasses.field(default_factory=dict)


def log_of(folder: Path) -> Path:
    """Return the file that holds everything a run's trainer said."""
    return folder / "logs" / "train.log"


def begin(
    recipe: dict[str, Any], folder: Path, resumed_from: str | None, devices: dict[str, Any], mark: str
) -> None:
    """Write run.json at a start; a run that goes on keeps what its earlier starts noted."""
    before = read_run(folder) if resumed_from else None
    now = Start(started=_now(), resumed_from=resumed_from)
    log_file = log_of(folder)
    record = RunRecord(
        model=str(recipe["model_name_or_path"]),
        method=str(recipe.get("fine_tuning", "full")),
        max_steps=before.max_steps if before else None,
        devices=devices,
        versions=package_versions(),
        git=git_state(ROOT),
        data={split: data_of(str(recipe[f"{split}_dataset_path"])) for split in ("train", "eval")},
        starts=(*(_closed(before, log_file) if before else ()), now),
        process=os.getpid(),
        mark=mark,
        log_start=before.log_start if before else (log_file.stat().st_size if log_file.is_file() else 0),
    )
    if before:
        record = dataclasses.replace(
            record, step=before.step, loss=before.loss, evaluation=before.evaluation, scores=before.scores
        )
    write_run(folder, record)


def end(folder: Path, state: str) -> None:
    """Note in run.json how a start ended, and how far the run has come."""
    record = read_run(folder)
    if record is None:
        return
    last = record.starts[-1]
    seconds = round((_parsed(_now()) - _parsed(last.started)).total_seconds(), 1)
    progress = read_progress(log_of(folder), record.log_start)
    write_run(
        folder,
        dataclasses.replace(
            record,
            starts=(
                *record.starts[:-1],
                dataclasses.replace(last, ended=_now(), seconds=seconds, state=state),
            ),
            **dataclasses.asdict(progress),
        ),
    )


def read_progress(log_file: Path, start: int = 0) -> Progress:
    """Read a trainer's log from a byte on; what a run that was killed has logged is there, too."""
    total, step, loss, evaluation = None, 0, None, {}
    if log_file.is_file():
        with log_file.open("rb") as file:
            file.seek(start)
            for raw in file:
                line = COLOUR.sub("", raw.decode("utf-8", "replace"))
                if found := STEP.search(line):
                    loss, step = float(found[1]), int(found[3])
                elif found := TOTAL.search(line):
                    total = int(found[1].replace(",", ""))
                elif "eval_loss" in line:
                    pairs = EVALUATION.findall(line)
                    evaluation = {name: float(value) for name, value in pairs if name not in NO_SCORES}
    return Progress(total, step, loss, evaluation)


def data_of(paths: str) -> dict[str, Any]:
    """Return what a data set is: its files, a hash of each, and the card that prepare has written."""
    files = [Path(path.strip()) for path in paths.split(",") if path.strip()]
    cards = {str(file.parent): _card(file.parent) for file in files}
    return {"path": paths, "sha256": {str(file): _sha256(file) for file in files}, "cards": cards}


def _card(folder: Path) -> Any:
    try:
        return read_json(folder / CARD_FILE)
    except UserError:  # data that prepare has not made: the hash alone says what it is
        return None


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def package_versions() -> dict[str, str]:
    """Return the versions that decide about a result: this project's, Python's, the libraries'."""
    project = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    found = {"project": project[1] if project else "unknown", "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state(root: Path) -> dict[str, Any] | None:
    """Return a repository's commit and whether tracked files differ from it; None where there is none."""
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):  # no git here, or a repository without a commit
        return None


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def devices_of(processes: int, *, has_gpu: bool) -> dict[str, Any]:
    """Return kind, number and name of what a run computes on."""
    if not has_gpu:
        return {"kind": "cpu", "count": processes, "name": _cpu_name()}
    paddle = sys.modules["paddle"]  # imported when the machine was looked at
    count = paddle.device.cuda.device_count()
    return {"kind": "gpu", "count": count, "name": paddle.device.cuda.get_device_name(0)}


def _cpu_name() -> str:
    cpus = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", cpus.read_text() if cpus.is_file() else "", re.M)
    return found[1] if found else platform.processor()


def _closed(record: RunRecord, log_file: Path) -> tuple[Start, ...]:
    """Return the earlier starts; one that is still running was killed, when its log stopped."""
    *earlier, last = record.starts
    if last.state != RUNNING:
        return record.starts
    ended = datetime.fromtimestamp(
        log_file.stat().st_mtime if log_file.is_file() else time.time(), timezone.utc
    )
    seconds = round((ended - _parsed(last.started)).total_seconds(), 1)
    text = ended.isoformat(timespec="seconds")
    return (*earlier, dataclasses.replace(last, ended=text, seconds=max(0.0, seconds), state=KILLED))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)
