"""chain.json: what a chain knows of its steps, written before and after each."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from typing_extensions import NotRequired, TypedDict

from chain.step_decisions import StepRecord
from grounding.errors import UserError
from grounding.files import check_types, read_json, write_json

CHAIN_JSON, CHAIN_TEXT, CHAIN_LOCK = "chain.json", "chain.md", ".chain.lock"
CHAIN_VERSION = 1


class _StepTypes(TypedDict):
    number: int
    state: str
    settings: dict[str, Any]
    parents: dict[str, int]
    inputs: dict[str, str | None]
    place: str
    output: NotRequired[str | None]
    seconds: NotRequired[float]
    mark: NotRequired[str]


class _ChainTypes(TypedDict):
    version: int
    steps: dict[str, _StepTypes]


def read_step_records(folder: Path) -> dict[str, StepRecord]:
    """Read the records of a chain's steps, by name; none where the chain has not run yet.

    Raises:
        UserError: chain.json is not one of this version.
    """
    path = folder / CHAIN_JSON
    if not path.is_file():
        return {}
    content = read_json(path)
    try:
        check_types(content, _ChainTypes)
        if content["version"] != CHAIN_VERSION:
            raise ValueError(f"version {content['version']}, not {CHAIN_VERSION}")
        return {name: StepRecord(**step) for name, step in content["steps"].items()}
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{path}: not a record of a chain ({error}): remove it; the commands know what is done"
        ) from error


def write_step_records(folder: Path, records: Mapping[str, StepRecord]) -> None:
    """Write the records of all steps; the file is complete or as it was."""
    steps = {name: dataclasses.asdict(record) for name, record in records.items()}
    write_json(folder / CHAIN_JSON, {"version": CHAIN_VERSION, "steps": steps})


@contextmanager
def only_chain(folder: Path) -> Iterator[None]:
    """Keep other processes from running the chain of this folder; the lock of a killed one ends with it.

    Raises:
        UserError: another process runs it, or the folder cannot be written.
    """
    lock = FileLock(folder / CHAIN_LOCK, blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UserError(f"{folder}: another process runs this chain: wait for its end, or stop it") from error
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
