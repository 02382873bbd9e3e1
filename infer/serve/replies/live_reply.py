"""Requests of clients that may want to read their answers while they are decoded, in batches with others."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from infer.engines.live_answers import AnswersLive, Listener, NobodyListensError, ToldOnce
from infer.engines.protocol import Engine, RawAnswer, Request
from infer.serve.batching import Batcher


@dataclass(frozen=True)
class HeardRequest:
    """A request, and who hears its answer while it is written; None where nobody does."""

    request: Request
    told: ToldOnce | None = None


@dataclass(frozen=True)
class HeardEngine:
    """An engine behind a `Batcher`: it tells answers to their listeners, if it is one that can."""

    engine: Engine

    def answer(self, heard: Sequence[HeardRequest]) -> list[RawAnswer]:
        """Answer the requests as one batch; a batch that is repeated tells nothing twice."""
        requests = [each.request for each in heard]
        listeners: list[Listener | None] = []
        for each in heard:
            if each.told is not None:
                each.told.begin()
            listeners.append(None if each.told is None else each.told.add)
        if any(listeners) and isinstance(self.engine, AnswersLive):
            return self.engine.answer_live(requests, listeners)
        return self.engine.answer(requests)


class LiveReply:
    """The answer to one request, for the event loop that asks: its pieces as they come, then the whole."""

    def __init__(
        self, batcher: Batcher[HeardRequest, RawAnswer], request: Request, *, is_live: bool = True
    ) -> None:
        """Put the request into the queue; unless it `is_live`, the answer has no pieces.

        Raises:
            queue.Full: too many requests wait already.
            UserError: the request shall not wait.
        """
        self._loop = asyncio.get_running_loop()
        self._written: asyncio.Queue[str | None] = asyncio.Queue()
        self._first: str | None = None
        self._has_gone = threading.Event()
        self._future = batcher.submit(HeardRequest(request, ToldOnce(self._hear) if is_live else None))
        self._future.add_done_callback(lambda _: self._put(None))

    async def begun(self, leaving: Coroutine[Any, Any, None] | None = None) -> bool:
        """Wait until there is a first piece, or the answer is whole, and return True.

        Where `leaving` ends before that, nobody reads: wait until the engine has left the answer, and return
        False.

        Raises:
            Exception: what the engine raises before any piece.
        """
        first = asyncio.ensure_future(self._written.get())
        if leaving is not None:
            gone = asyncio.ensure_future(leaving)
            await asyncio.wait({first, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not first.done():
                self.close()
        self._first = await first
        if self._has_gone.is_set():
            return False
        if self._first is None:
            self.whole()
        return True

    async def pieces(self) -> AsyncIterator[str]:
        """Yield the characters of an answer that has begun as they are written, until it is whole."""
        piece = self._first
        while piece is not None:
            yield piece
            piece = await self._written.get()

    def whole(self) -> RawAnswer:
        """Return the answer, after its last piece.

        Raises:
            Exception: what the engine raises.
        """
        return self._future.result()

    def close(self) -> None:
        """Nobody reads on: the engine leaves the answer at its next characters, or does not begin it."""
        self._has_gone.set()
        self._future.cancel()

    def _hear(self, piece: str) -> None:
        if self._has_gone.is_set():
            raise NobodyListensError
        self._put(piece)

    def _put(self, piece: str | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._written.put_nowait, piece)
        except RuntimeError:  # the loop has ended, and with it whoever listens
            self._has_gone.set()
