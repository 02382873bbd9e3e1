import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from grounding.remote.background_loop import run_in_background


async def name_of_thread(barrier: threading.Barrier) -> str:
    await asyncio.to_thread(barrier.wait, 60)
    return threading.current_thread().name


def test_threads_share_one_loop_and_do_not_wait_for_each_other() -> None:
    barrier = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        names = list(pool.map(run_in_background, [name_of_thread(barrier) for _ in range(3)]))
    assert set(names) == {"requests to a server"}


def test_an_error_arrives_at_the_caller() -> None:
    async def fail() -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        run_in_background(fail())
