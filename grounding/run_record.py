"""run.json: how a checkpoint was made, kept beside its weights, and its scores."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typing_extensions import NotRequired, TypedDict

from grounding.errors import UserError
from grounding.files import check_types, read_json, write_json

RUN_FILE = "run.json"
RUN_VERSION = 1

RUNNING, FINISHED, STOPPED, FAILED, KILLED = "running", "finished", "stopped", "failed", "killed"
"""The states of a start; a killed process cannot write its own, the next start does."""


@dataclass(frozen=True)
class Start:
    """One start of a run: its time (UTC, ISO 8601), its checkpoint if it resumed, and how it ended."""

    started: str
    resumed_from: str | None = None
    ended: str | None = None
    seconds: float | None = None
    state: str = RUNNING


@dataclass(frozen=True)
class RunRecord:
    """The content of run.json.

    `step` and `loss` are the last that were logged, `evaluation` has the values of the last evaluation.
    `data` has for each split the path and SHA-256 of the JSONL and the data set's card. `git` has the commit
    of the project, and whether there were uncommitted changes. `process` and `mark` identify the running
    process; `log_start` is the offset of the run in logs/train.log. `scores` has the scores that `infer`
    measured, by the folder of the predictions.
    """

    model: str
    method: str
    max_steps: int | None
    devices: dict[str, Any]
    versions: dict[str, str]
    git: dict[str, Any] | None
    data: dict[str, dict[str, Any]]
    starts: tuple[Start, ...]
    step: int = 0
    loss: float | None = None
    evaluation: dict[str, float] = field(default_factory=dict)
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    process: int = 0
    mark: str = ""
    log_start: int = 0
    version: int = RUN_VERSION


class _StartTypes(TypedDict):
    started: str
    resumed_from: NotRequired[str | None]
    ended: NotRequired[str | None]
    seconds: NotRequired[float | None]
    state: NotRequired[str]


class _ScoreTypes(TypedDict):
    scores: dict[str, float | None]


class _RunTypes(TypedDict):
    """The types of run.json: a run's folder can come from somebody else."""

    model: str
    method: str
    max_steps: int | None
    devices: dict[str, Any]
    versions: dict[str, str]
    git: dict[str, Any] | None
    data: dict[str, dict[str, Any]]
    starts: list[_StartTypes]
    step: NotRequired[int]
    loss: NotRequired[float | str | None]
    evaluation: NotRequired[dict[str, float | str]]
    scores: NotRequired[dict[str, _ScoreTypes]]
    process: NotRequired[int]
    mark: NotRequired[str]
    log_start: NotRequired[int]
    version: NotRequired[int]


def write_run(folder: Path, record: RunRecord) -> None:
    """Write run.json into a checkpoint's folder."""
    content = dataclasses.asdict(record)
    content["loss"] = _as_json(record.loss)
    content["evaluation"] = {name: _as_json(value) for name, value in record.evaluation.items()}
    write_json(folder / RUN_FILE, content)


def _as_json(number: float | None) -> float | str | None:
    """Return a number as JSON can write it: NaN and infinity are the texts "nan", "inf" and "-inf"."""
    return number if number is None or math.isfinite(number) else str(number)


def read_run(folder: Path) -> RunRecord | None:
    """Read a checkpoint's run.json, None if there is none.

    Raises:
        UserError: not a run.json of this version.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        return None
    content = read_json(path)
    try:
        check_types(content, _RunTypes)
        if not content["starts"]:
            raise ValueError("no starts")
        starts = tuple(Start(**start) for start in content.pop("starts"))
        record = RunRecord(starts=starts, **content)
        evaluation = {name: float(value) for name, value in record.evaluation.items()}
        loss = None if record.loss is None else float(record.loss)
        record = dataclasses.replace(record, loss=loss, evaluation=evaluation)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: not a record of a run ({error}): remove it") from error
    if record.version != RUN_VERSION:
        raise UserError(f"{path}: version {record.version}: this version of the project reads {RUN_VERSION}")
    return record


def add_scores(checkpoint: Path, predictions: Path, about: Mapping[str, Any]) -> None:
    """Add the scores of a folder of predictions to the checkpoint's run.json, if it has one."""
    record = read_run(checkpoint)
    if record is None:
        return
    others = {name: entry for name, entry in record.scores.items() if name != str(predictions)}
    write_run(checkpoint, dataclasses.replace(record, scores={**others, str(predictions): dict(about)}))
