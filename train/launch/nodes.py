"""Several machines that train as one job, named by the environment that `paddleformers-cli` reads."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError

VARIABLES = ("NNODES", "RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Node:
    """This machine among those of a job; `master` is the address and port of the first."""

    count: int = 1
    rank: int = 0
    master: str | None = None


def this_node() -> Node:
    """Read NNODES, RANK, MASTER_ADDR and MASTER_PORT; without NNODES, or with 1, the job is this machine's.

    Raises:
        UserError: several nodes, and what they need to find each other is missing or no number.
    """
    count = node_count()
    if count == 1:
        return Node()
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        raise UserError(f"NNODES={count}: {', '.join(missing)} must be set too, see recipes/README.md")
    rank = _number("RANK", 0)
    if rank >= count:
        raise UserError(f"RANK={rank}: must lie in 0..{count - 1}, as NNODES is {count}")
    return Node(count, rank, f"{os.environ['MASTER_ADDR']}:{_number('MASTER_PORT', 0)}")


def node_count() -> int:
    """Return how many machines the job has.

    Raises:
        UserError: NNODES is no number from 1.
    """
    return _number("NNODES", 1)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or (name == "NNODES" and int(text) < 1):
        raise UserError(f"{name}={text}: must be a number, see recipes/README.md")
    return int(text)


def share_one_folder() -> str:
    """Let one process look after the output folder that all nodes of a job share.

    As shipped the first process of each node names the finished weight files and deletes old checkpoints: two
    nodes rename the same files, and delete the newest checkpoint. A folder that they do not share is
    refused before the first step, as each would hold a part of the weights.
    """
    from paddle import distributed
    from paddleformers.trainer import Trainer

    os.environ["PADDLE_LOCAL_SIZE"] = os.environ["PADDLE_TRAINERS_NUM"]  # the processes that share a folder
    train, delete_old_checkpoints = Trainer.train, Trainer._rotate_checkpoints

    def train_in_shared_folder(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _all_processes_see(Path(self.args.output_dir)):
            raise RuntimeError(
                f"output_dir: '{self.args.output_dir}' is not the same folder on all nodes: "
                "put it on a file system that they share"
            )
        return train(self, *args, **kwargs)

    def rotate_checkpoints(self: Any, *args: Any, **kwargs: Any) -> None:
        if distributed.get_rank() == 0:
            delete_old_checkpoints(self, *args, **kwargs)

    Trainer.train, Trainer._rotate_checkpoints = train_in_shared_folder, rotate_checkpoints
    return "share_one_folder"


def _all_processes_see(folder: Path) -> bool:
    """Tell whether all processes write into one folder: each looks for the files of the others."""
    from paddle import distributed

    folder.mkdir(parents=True, exist_ok=True)
    mine = folder / f".process_{distributed.get_rank()}"
    mine.touch()
    distributed.barrier()
    counts: list[int] = []
    distributed.all_gather_object(counts, len(list(folder.glob(".process_*"))))
    mine.unlink()
    return min(counts) == int(distributed.get_world_size())
