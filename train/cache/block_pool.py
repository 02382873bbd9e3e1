"""Several processes that encode blocks, or this one."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any

from tqdm import tqdm

from grounding.errors import UserError
from train.cache.cache_options import CacheOptions
from train.cache.encoding_worker import EncodingTask, encode_block, start_worker, use_encoder

THREADS = "OMP_NUM_THREADS"
WAITING = 2
"""Blocks that wait for each process: no more of them are in memory."""


class BlockPool:
    """Encodes blocks in the processes of `options`; with one of them, in this process by `dataset`."""

    def __init__(self, options: CacheOptions, dataset: Any) -> None:
        self._processes, self._values = options.processes, dict(options.values)
        self._executor: ProcessPoolExecutor | None = None
        use_encoder(dataset)

    def __enter__(self) -> "BlockPool":
        return self

    def __exit__(self, *reason: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def encode(
        self, tasks: Iterable[tuple[EncodingTask, bool]], total: int, said: str, unit: str = "image"
    ) -> int:
        """Encode the blocks that are not there already; return how many there were.

        Raises:
            UserError: something cannot be cached, the disk is full, or a process was killed.
        """
        made = 0
        with tqdm(total=total, desc=said, unit=unit, delay=1, disable=None) as bar:

            def missing() -> Iterator[EncodingTask]:
                for task, is_there in tasks:
                    if is_there:
                        bar.update(task.size)
                    else:
                        yield task

            for size in self._sizes(missing()):
                made += 1
                bar.update(size)
        return made

    def _sizes(self, tasks: Iterator[EncodingTask]) -> Iterator[int]:
        first = list(islice(tasks, 2))
        if self._processes == 1 or len(first) < 2:  # starting a process takes longer than a block
            yield from map(encode_block, chain(first, tasks))
            return
        pending: set[Future[int]] = set()
        try:
            for task in chain(first, tasks):
                pending.add(self._pool().submit(encode_block, task))
                if len(pending) >= WAITING * self._processes:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            yield from (future.result() for future in pending)
        except BrokenProcessPool as error:
            raise UserError(
                "a process that encodes was killed, as when memory is short: repeat the command with fewer "
                "(processes=1)"
            ) from error

    def _pool(self) -> ProcessPoolExecutor:
        """Start the processes when the first block needs them."""
        if self._executor is None:
            os.environ[THREADS] = "1"  # each process has one core
            self._executor = ProcessPoolExecutor(
                self._processes, get_context("spawn"), start_worker, (self._values,)
            )
        return self._executor
