"""The checkpoints of a run: each is sealed when it is complete, and only sealed ones are resumed from.

The seal is a file with the length of every other file. It is written after every process has written its
part.
"""

import logging
import re
import shutil
from pathlib import Path

from grounding.errors import UserError
from grounding.files import is_regular, read_json, write_json

log = logging.getLogger(__name__)

SEAL = "files.json"
"""The length of every file of a checkpoint, written last."""

NAME = re.compile(r"checkpoint-(\d+)")


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint; remove newer ones that a kill or a full disk cut short.

    PaddleFormers resumes from the highest number and fails if that checkpoint is not complete.
    """
    for checkpoint in sorted(numbered_checkpoints(folder), key=step_of, reverse=True):
        problem = what_is_missing(checkpoint)
        if problem is None:
            return checkpoint
        log.warning("%s: skipped and removed, it was not written to its end: %s", checkpoint, problem)
        shutil.rmtree(checkpoint)
    return None


def numbered_checkpoints(folder: Path) -> list[Path]:
    """Return the folders that PaddleFormers would resume from, in no order, complete or not."""
    return [path for path in folder.glob("checkpoint-*") if NAME.fullmatch(path.name) and path.is_dir()]


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def what_is_missing(checkpoint: Path) -> str | None:
    """Say what a checkpoint lacks, None if it is complete.

    Files are compared with the seal by name and length; no content is read.
    """
    try:
        sealed = read_json(checkpoint / SEAL)
    except UserError:
        return f"no {SEAL}"
    if not isinstance(sealed, dict):
        return f"no files in {SEAL}"
    for name, size in sealed.items():
        file = checkpoint / name
        if not is_regular(file):
            return f"no {name}"
        if file.stat().st_size != size:
            return f"{name} has {file.stat().st_size} of {size} bytes"
    return None


def seal(checkpoint: Path) -> None:
    """Write the seal, when all files are written; nodes that share the folder may all write it."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and SEAL not in path.name)
    write_json(checkpoint / SEAL, {str(path.relative_to(checkpoint)): path.stat().st_size for path in files})
