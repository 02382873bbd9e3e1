import queue
import threading
from collections.abc import Sequence

import pytest

from grounding.errors import UserError
from infer.engines.protocol import RawAnswer, Request
from infer.serve.batching import Batcher


class Slow:
    """An engine that waits to be let go, keeps its batches, and cannot answer about "bad"."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.started = threading.Event()
        self.batches: list[list[str]] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.started.set()
        assert self.go.wait(10)
        self.batches.append([request.user for request in requests])
        if any(request.user == "bad" for request in requests):
            raise ValueError("bad image")
        return [RawAnswer(request.user.upper(), is_cut=False) for request in requests]


def ask(user: str) -> Request:
    return Request((), "", user)


def test_what_waits_is_answered_together_and_one_failure_costs_one_answer() -> None:
    engine = Slow()
    batcher = Batcher(engine, batch_size=3, queue_size=10)
    first = batcher.submit(ask("a"))
    assert engine.started.wait(10)
    others = [batcher.submit(ask(user)) for user in ("b", "bad", "c", "d")]
    given_up = batcher.submit(ask("e"))
    assert given_up.cancel()
    engine.go.set()
    batcher.close()
    assert first.result(10).text == "A"
    assert [future.result(10).text for future in (others[0], *others[2:])] == ["B", "C", "D"]
    with pytest.raises(ValueError, match="bad image"):
        others[1].result(10)
    assert engine.batches == [["a"], ["b", "bad", "c"], ["b"], ["bad"], ["c"], ["d"]]


def test_a_batch_that_was_given_up_is_not_asked() -> None:
    engine = Slow()
    batcher = Batcher(engine, batch_size=1, queue_size=10)
    first = batcher.submit(ask("a"))
    assert engine.started.wait(10)
    assert batcher.submit(ask("b")).cancel()
    engine.go.set()
    batcher.close()
    assert first.result(10).text == "A"
    assert engine.batches == [["a"]]


def test_what_is_refused_does_not_wait() -> None:
    def check(request: Request) -> None:
        if request.user == "long":
            raise UserError("too long")

    engine = Slow()
    engine.go.set()
    batcher = Batcher(engine, batch_size=1, queue_size=1, check=check)
    with pytest.raises(UserError, match="too long"):
        batcher.submit(ask("long"))
    assert batcher.submit(ask("a")).result(10).text == "A"
    batcher.close()
    assert engine.batches == [["a"]]


def test_a_full_queue_refuses() -> None:
    engine = Slow()
    batcher = Batcher(engine, batch_size=1, queue_size=2)
    running = batcher.submit(ask("a"))
    assert engine.started.wait(10)
    waiting = [batcher.submit(ask(user)) for user in "bc"]
    with pytest.raises(queue.Full):
        batcher.submit(ask("d"))
    engine.go.set()
    assert [future.result(10).text for future in (running, *waiting)] == ["A", "B", "C"]
    batcher.close()
