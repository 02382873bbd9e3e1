"""Answers that are read while they are written, from engines that tell their characters."""

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Protocol, runtime_checkable

from infer.engines.protocol import Engine, RawAnswer, Request

Listener = Callable[[str], None]
"""Is told the next characters of an answer, and raises NobodyListensError where nobody reads on.

An engine that waits for characters may tell "" to learn that.
"""


@runtime_checkable
class AnswersLive(Protocol):
    """An engine that tells an answer's characters as they are written."""

    def answer_live(
        self, requests: Sequence[Request], listeners: Sequence[Listener | None]
    ) -> list[RawAnswer]:
        """Answer the requests as `answer` does, and tell each answer's characters to its listener.

        A listener that raises NobodyListensError ends its own answer early, and no other. Whatever else it
        raises ends all of them, and is raised here.
        """
        ...


class NobodyListensError(Exception):
    """The reader of an answer has gone: the engine need not write on."""


NOBODY_LISTENS = "nobody reads the answer"
"""Why an answer ends early whose reader has gone."""


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
        if piece:
            written.put(piece)

    def work() -> None:
        try:
            written.put(engine.answer_live([request], [hear])[0])
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


class ToldOnce:
    """Tells a listener the characters of an answer, each once, although the answer may begin anew.

    An answer that begins anew is told where it goes beyond what was told of it; one that turns out different
    is told no further. `text` is what is there of it.
    """

    def __init__(self, hear: Listener) -> None:
        """Nothing is told yet."""
        self._hear = hear
        self._told = self.text = ""

    def begin(self) -> None:
        """The answer begins, for the first time or anew."""
        self.text = ""

    def add(self, piece: str) -> None:
        """Take the next characters of the answer; "" only learns whether somebody listens."""
        self.text += piece
        news = ""
        if len(self.text) > len(self._told) and self.text.startswith(self._told):
            news = self.text[len(self._told) :]
            self._told = self.text
        if news or not piece:
            self._hear(news)
