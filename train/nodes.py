"""The machines of a job, as the environment variables that `paddleformers-cli` reads name them."""

import os
from dataclasses import dataclass

from grounding.errors import UserError

VARIABLES = ("NNODES", "RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Node:
    """This machine in a job of `count` machines; `master` is the first machine's address and port."""

    count: int = 1
    rank: int = 0
    master: str | None = None


def this_node() -> Node:
    """Read NNODES, RANK, MASTER_ADDR and MASTER_PORT; without NNODES, or with 1, the job is this machine's.

    Raises:
        UserError: with several nodes, a variable is missing or is not a number.
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
        UserError: NNODES is not a number, or less than 1.
    """
    return _number("NNODES", 1)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or (name == "NNODES" and int(text) < 1):
        raise UserError(f"{name}={text}: must be a number, see recipes/README.md")
    return int(text)
