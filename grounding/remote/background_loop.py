"""An event loop in a thread, so that threads can wait for asynchronous requests, which can be cut off."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import cache
from typing import Any, TypeVar

Result = TypeVar("Result")

_STARTING = threading.RLock()
"""Reentrant: where an object is collected, `start_in_background` can be called in the middle of anything."""


def run_in_background(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on the process's one background loop, and return its result or raise its error.

    Any thread may call this, but not the loop's own. Where the caller is interrupted, the coroutine is
    cancelled.
    """
    future = start_in_background(coroutine)
    try:
        return future.result()
    finally:
        future.cancel()


def start_in_background(coroutine: Coroutine[Any, Any, Result]) -> "Future[Result]":
    """Start a coroutine on the background loop, and do not wait for it."""
    with _STARTING:
        loop = _loop()
    return asyncio.run_coroutine_threadsafe(coroutine, loop)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="requests to a server", daemon=True).start()
    return loop
