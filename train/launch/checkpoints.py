"""Checkpoints of a run: sealed when every process has written its part, and told whole by their seal."""

import logging
import re
import shutil
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_json, write_json

log = logging.getLogger(__name__)

SEAL = "files.json"
"""The length of every file of a checkpoint, written last."""

NAME = re.compile(r"checkpoint-(\d+)")


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, after removing newer ones that a kill or a full disk left.

    PaddleFormers takes the highest number whatever is in it, and fails on one that is not complete.
    """
    for checkpoint in sorted(numbered_checkpoints(folder), key=step_of, reverse=True):
        problem = what_is_missing(checkpoint)
        if problem is None:
            return checkpoint
        log.warning("%s: skipped and removed, it was not written to its end: %s", checkpoint, problem)
        shutil.rmtree(checkpoint)
    return None


def numbered_checkpoints(folder: Path) -> list[Path]:
    """Return the folders that PaddleFormers could go on from."""
    return [path for path in folder.glob("checkpoint-*") if NAME.fullmatch(path.name) and path.is_dir()]


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def what_is_missing(checkpoint: Path) -> str | None:
    """Say what a checkpoint lacks of its seal, None where it is whole; no file's content is read.

    A file that was cut off is found by its length.
    """
    try:
        sealed: dict[str, int] = read_json(checkpoint / SEAL)
    except UserError:
        return f"no {SEAL}"
    for name, size in sealed.items():
        file = checkpoint / name
        if not file.is_file():
            return f"no {name}"
        if file.stat().st_size != size:
            return f"{name} has {file.stat().st_size} of {size} bytes"
    return None


def seal(checkpoint: Path) -> None:
    """Write down the length of every file, once all are written; nodes that share a folder may all do so."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file() and SEAL not in path.name)
    write_json(checkpoint / SEAL, {str(path.relative_to(checkpoint)): path.stat().st_size for path in files})


def seal_before_rotation() -> str:
    """Let every process finish its part of a checkpoint, seal it, and only then remove older ones.

    PaddleFormers' first process removes the older checkpoint as soon as its own part is written: a kill or a
    full disk at this moment would leave none.
    """
    import paddle
    from paddleformers.trainer import Trainer

    save, rotate = Trainer._save_checkpoint, Trainer._rotate_checkpoints

    def save_checkpoint(self: Any, *args: Any, **kwargs: Any) -> None:
        Trainer._rotate_checkpoints = lambda *_, **__: None
        try:
            save(self, *args, **kwargs)
        finally:
            Trainer._rotate_checkpoints = rotate
        if paddle.distributed.get_world_size() > 1:
            paddle.distributed.barrier()
        checkpoint = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if self.args.local_rank in (0, -1) and checkpoint.is_dir():
            seal(checkpoint)
            rotate(self, use_mtime=True, output_dir=self.args.output_dir)

    Trainer._save_checkpoint = save_checkpoint
    return "seal_before_rotation"
