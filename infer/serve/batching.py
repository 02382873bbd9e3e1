"""Answer requests that arrive one by one in batches, in a thread that owns the engine."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

Asked = TypeVar("Asked")
AskedOf = TypeVar("AskedOf", contravariant=True)
Answer = TypeVar("Answer")


class Answering(Protocol[AskedOf, Answer]):
    """An engine: of chats, or of masks."""

    def answer(self, requests: Sequence[AskedOf]) -> list[Answer]:
        """Answer the requests as one batch, in their order."""
        ...


class Batcher(Generic[Asked, Answer]):
    """A queue in front of an engine: the requests that wait when a batch is done are the next batch."""

    def __init__(
        self,
        engine: Answering[Asked, Answer],
        batch_size: int,
        queue_size: int,
        check: Callable[[Asked], None] = lambda _: None,
    ) -> None:
        """Start the thread; up to `queue_size` requests may wait, further ones are refused.

        `check` raises `UserError` about a request that shall not wait.
        """
        self._engine = engine
        self._check = check
        self._batch_size = batch_size
        self._queue: queue.Queue[tuple[Asked, Future[Answer]] | None] = queue.Queue(queue_size)
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def submit(self, request: Asked) -> "Future[Answer]":
        """Put a request into the queue, and return its future answer.

        Raises:
            queue.Full: too many requests wait already.
            UserError: what `check` says.
        """
        self._check(request)
        answer: Future[Answer] = Future()
        self._queue.put_nowait((request, answer))
        return answer

    def is_full(self) -> bool:
        """Tell whether the next request would be refused."""
        return self._queue.full()

    def close(self) -> None:
        """Answer the requests that wait, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, is_last = [first], False
            while len(batch) < self._batch_size and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    is_last = True
                    break
                batch.append(following)
            _answer(self._engine.answer, batch)
            if is_last:
                return


def _answer(
    answer: Callable[[Sequence[Asked]], list[Answer]], batch: "list[tuple[Asked, Future[Answer]]]"
) -> None:
    """Answer a batch; if that fails, answer each request alone, so that a bad image costs one answer."""
    batch = [waiting for waiting in batch if waiting[1].set_running_or_notify_cancel()]
    if not batch:
        return
    try:
        answers = answer([request for request, _ in batch])
    except Exception as error:  # noqa: BLE001  it is raised where the answer is awaited
        if len(batch) == 1:
            batch[0][1].set_exception(error)
            return
        for request, future in batch:
            try:
                future.set_result(answer([request])[0])
            except Exception as own:  # noqa: BLE001
                future.set_exception(own)
        return
    for (_, future), result in zip(batch, answers, strict=True):
        future.set_result(result)
