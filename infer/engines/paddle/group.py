"""Tensor parallelism at inference: one model over several processes, each with its part.

The first process reads the recipe, asks and writes. The others answer the same requests, because every layer
needs all parts.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from infer.engines.paddle.devices import count_gpus
from infer.engines.protocol import Engine, RawAnswer, Request, forget
from models.libraries import quiet

LOAD, FORGET, STOP = "load", "forget", "stop"
"""Messages to the other processes; any other message is a list of requests."""


class Leader:
    """The engine of the first process, which sends the requests to the others."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        """Load this process's part of the model while the others load theirs."""
        _send(LOAD)
        self._engine = load()

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests together with the others."""
        _send(list(requests))
        return self._engine.answer(requests)

    def forget(self) -> None:
        """Drop what all processes keep of earlier requests."""
        _send(FORGET)
        forget(self._engine)


def begin(parts: int) -> bool:
    """Join the group that `paddle.distributed.launch` started; return whether this is its first process."""
    with quiet():
        from paddle.distributed import fleet
        from paddle.distributed.fleet.meta_parallel import get_rng_state_tracker

        strategy = fleet.DistributedStrategy()
        strategy.hybrid_configs = {
            "dp_degree": 1, "mp_degree": parts, "pp_degree": 1, "sharding_degree": 1,
        }  # fmt: skip
        fleet.init(is_collective=True, strategy=strategy)
        rank = own_part(parts)
        # Split layers draw their initial weights by these names before the real ones are loaded.
        for name, seed in (("global_seed", 1), ("local_seed", 2 + rank)):
            get_rng_state_tracker().add(name, seed)
    return rank == 0


def own_part(parts: int) -> int:
    """Return the number of the part that this process holds, of a model in `parts`."""
    if parts == 1:
        return 0
    from paddle.distributed import fleet

    return int(fleet.get_hybrid_communicate_group().get_model_parallel_rank())


def follow(load: Callable[[], Engine]) -> None:
    """Load and answer whatever the first process sends, until it dismisses this process."""
    engine: Engine | None = None
    while (message := _receive()) != STOP:
        if message == LOAD:
            engine = load()
            continue
        assert engine is not None
        if message == FORGET:
            forget(engine)
        else:
            engine.answer(message)


def dismiss() -> None:
    """Tell the other processes to end."""
    _send(STOP)


def processes() -> int:
    """Return the number of processes that `paddle.distributed.launch` started, 1 without it."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))


def launch(parts: int, script: Path, words: Sequence[str], logs: Path) -> int:
    """Run a script in this many processes, one GPU each, and return the exit code.

    Raises:
        UserError: there are fewer GPUs.
    """
    if (gpus := count_gpus()) < parts:
        raise UserError(f"tensor_parallel: {parts} parts of a model need {parts} GPUs, {gpus} are visible")
    root = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [
        *(sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", str(parts)),
        *("--log_dir", str(logs), str(script), *words),
    ]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


def _send(message: Any) -> None:
    from paddle import distributed

    distributed.broadcast_object_list([message], src=0)


def _receive() -> Any:
    from paddle import distributed

    received: list[Any] = [None]
    distributed.broadcast_object_list(received, src=0)
    return received[0]
