"""Answers that are read while they are written, from engines that tell their characters."""

import queue
import threading
from collections.abc import Callable, Generator
from typing import Protocol, runtime_checkable

from infer.engines.protocol import Engine, RawAnswer, Request


@runtime_checkable
class AnswersLive(Protocol):
    """An engine that tells an answer's characters as they are written."""

    def answer_live(self, request: Request, hear: Callable[[str], None]) -> RawAnswer:
        """Answer a request, and call `hear` with its next characters; what that raises ends the answer."""
        ...


class NobodyListensError(Exception):
    """The reader of an answer has gone: the engine need not write on."""


def read_live(engine: Engine, request: Request) -> Generator[str | RawAnswer, None, None]:
    """Yield the text of an answer as it grows, each time from its beginning, and last the whole answer.

    The text is what was written so far; the answer can be shorter, as `AnswersLive` engines cut repeats. Of
    an engine that tells nothing before the end, the answer alone is yielded. Where the generator is closed
    early, the engine is stopped, and has stopped when `close` returns.

    Raises:
        UserError: as the engine's `answer`; and whatever else the engine raises.
    """
    if not isinstance(engine, AnswersLive):
        yield engine.answer([request])[0]
        return
    written: queue.SimpleQueue[str | RawAnswer | BaseException] = queue.SimpleQueue()
    has_gone = threading.Event()

    def hear(piece: str) -> None:
        if has_gone.is_set():
            raise NobodyListensError
        written.put(piece)

    def work() -> None:
        try:
            written.put(engine.answer_live(request, hear))
        except BaseException as error:  # noqa: BLE001  it is raised where the answer is read
            written.put(error)

    thread = threading.Thread(target=work, name="a live answer", daemon=True)
    thread.start()
    text = ""
    try:
        while isinstance(piece := written.get(), str):
            text += piece
            yield text
        if isinstance(piece, BaseException):
            raise piece
        yield piece
    finally:
        has_gone.set()
        thread.join()
