"""run.json of a training: written when it starts, and again when it ends."""

import dataclasses
import os
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from grounding.run_record import KILLED, RUNNING, RunRecord, Start, read_run, write_run
from train.launch.provenance import ROOT, data_of, git_state, package_versions
from train.launch.run_folder import log_of
from train.launch.trainer_log import read_progress
from train.recipe import SPLITS, TrainRecipe


def record_start(
    recipe: dict[str, Any], folder: Path, resumed_from: str | None, devices: dict[str, Any], mark: str
) -> None:
    """Write run.json at a start; a resumed run keeps the records of its earlier starts."""
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
        data={split: data_of(TrainRecipe(recipe), split) for split in SPLITS},
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


def record_end(folder: Path, state: str) -> None:
    """Write into run.json how a start ended, and how far the run has come."""
    record = read_run(folder)
    if record is None:
        return
    last = record.starts[-1]
    seconds = round((_parsed(_now()) - _parsed(last.started)).total_seconds(), 1)
    progress = read_progress(log_of(folder), record.log_start)
    ended = dataclasses.replace(last, ended=_now(), seconds=seconds, state=state)
    write_run(
        folder,
        dataclasses.replace(record, starts=(*record.starts[:-1], ended), **dataclasses.asdict(progress)),
    )


def _closed(record: RunRecord, log_file: Path) -> tuple[Start, ...]:
    """Return the earlier starts; one that seems to run was killed at the time of its last log line."""
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
