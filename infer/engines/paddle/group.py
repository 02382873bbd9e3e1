"""One model over several processes, each with its part: tensor parallelism at inference.

The first process reads the recipe, asks and writes; the others answer along, for every layer needs all parts.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from infer.engines.libraries import quiet
from infer.engines.protocol import Engine, RawAnswer, Request

LOAD, STOP = "load", "stop"


class Leader:
    """An engine in the first process, which tells the others what is asked."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        """Load this process's part of the model while the others load theirs."""
        _tell(LOAD)
        self._engine = load()

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests together with the others."""
        _tell(list(requests))
        return self._engine.answer(requests)


def begin(parts: int) -> bool:
    """Join the group that `paddle.distributed.launch` has started; tell whether this is its first process."""
    with quiet():
        from paddle.distributed import fleet
        from paddle.distributed.fleet.meta_parallel import get_rng_state_tracker

        strategy = fleet.DistributedStrategy()
        strategy.hybrid_configs = {
            "dp_degree": 1, "mp_degree": parts, "pp_degree": 1, "sharding_degree": 1,
        }  # fmt: skip
        fleet.init(is_collective=True, strategy=strategy)
        rank = fleet.get_hybrid_communicate_group().get_model_parallel_rank()
        # Layers that are split draw their first weights by these names, before the real ones are read.
        for name, seed in (("global_seed", 1), ("local_seed", 2 + rank)):
            get_rng_state_tracker().add(name, seed)
    return int(rank) == 0


def follow(load: Callable[[], Engine]) -> None:
    """Answer along with the first process until it says that there is nothing more to ask."""
    engine: Engine | None = None
    while (message := _hear()) != STOP:
        if message == LOAD:
            engine = load()
        else:
            assert engine is not None
            engine.answer(message)


def dismiss() -> None:
    """Let the others go."""
    _tell(STOP)


def processes() -> int:
    """Return how many processes `paddle.distributed.launch` has started, 1 without it."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))


def launch(parts: int, script: Path, words: Sequence[str], logs: Path) -> int:
    """Start a script in so many processes, a GPU each, and return the exit code.

    Raises:
        UserError: there are fewer GPUs.
    """
    from infer.engines.paddle.engine import count_gpus

    if (gpus := count_gpus()) < parts:
        raise UserError(f"tensor_parallel: {parts} parts of a model need {parts} GPUs, {gpus} are visible")
    root = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [
        *(sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", str(parts)),
        *("--log_dir", str(logs), str(script), *words),
    ]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


def _tell(message: Any) -> None:
    from paddle import distributed

    distributed.broadcast_object_list([message], src=0)


def _hear() -> Any:
    from paddle import distributed

    heard: list[Any] = [None]
    distributed.broadcast_object_list(heard, src=0)
    return heard[0]
