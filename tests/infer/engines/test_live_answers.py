"""Answers that are read while they are written."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from infer.engines.live_answers import Listener, NobodyListensError, ToldOnce, read_live
from infer.engines.protocol import RawAnswer, Request

ASKED = Request((Path("a.png"),), "", "<image>Where?")
WHOLE = RawAnswer("a red", is_cut=False)


class Writer:
    """Writes pieces one by one, each when it is let go; `fault` comes after the last."""

    def __init__(self, *pieces: str, fault: Exception | None = None) -> None:
        self.pieces, self.fault = pieces, fault
        self.may_write = threading.Semaphore(0)
        self.ended: list[str] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        raise AssertionError(f"asked in one piece: {requests}")

    def answer_live(
        self, requests: Sequence[Request], listeners: Sequence[Listener | None]
    ) -> list[RawAnswer]:
        (request,), (hear,) = requests, listeners
        assert request == ASKED
        assert hear is not None
        try:
            for piece in self.pieces:
                assert self.may_write.acquire(timeout=60)
                hear(piece)
            if self.fault is not None:
                raise self.fault
        except NobodyListensError:
            self.ended.append("nobody listens")
            raise
        self.ended.append("whole")
        return [WHOLE]


class Whole:
    """An engine that tells nothing before the end."""

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        return [WHOLE for _ in requests]


def test_each_piece_is_read_before_the_next_is_written() -> None:
    writer = Writer("a", " red", " cat")
    live = read_live(writer, ASKED)
    for expected in ("a", "a red", "a red cat"):
        writer.may_write.release()
        assert next(live) == expected
    assert list(live) == [WHOLE]
    assert writer.ended == ["whole"]


def test_an_engine_that_tells_nothing_is_read_at_its_end() -> None:
    assert list(read_live(Whole(), ASKED)) == [WHOLE]


def test_an_engine_stops_where_nobody_listens() -> None:
    writer = Writer("a", " red", " cat")
    live = read_live(writer, ASKED)
    writer.may_write.release(2)
    assert next(live) == "a"
    writer.may_write.release()
    live.close()
    assert len(writer.ended) == 1  # it has stopped, or had just written its last piece
    assert not [thread for thread in threading.enumerate() if thread.name == "a live answer"]


def test_an_engine_that_is_closed_before_it_writes_hears_of_it() -> None:
    writer = Writer("a", " red")
    live = read_live(writer, ASKED)
    writer.may_write.release()
    assert next(live) == "a"
    timer = threading.Timer(0.2, writer.may_write.release)
    timer.start()
    live.close()
    assert writer.ended == ["nobody listens"]


def test_what_the_engine_raises_is_raised_where_the_answer_is_read() -> None:
    writer = Writer("a", fault=OSError("no memory"))
    writer.may_write.release()
    live = read_live(writer, ASKED)
    assert next(live) == "a"
    with pytest.raises(OSError, match="no memory"):
        next(live)


def test_an_answer_that_begins_anew_is_told_once() -> None:
    heard: list[str] = []
    told = ToldOnce(heard.append)
    for pieces in (["a", " red"], ["a", " r", "ed", " cat", ""]):
        told.begin()
        for piece in pieces:
            told.add(piece)
    assert heard == ["a", " red", " cat", ""]


def test_an_answer_that_begins_anew_and_is_different_is_told_no_further() -> None:
    heard: list[str] = []
    told = ToldOnce(heard.append)
    told.add("a red")
    told.begin()
    for piece in ("a blue", " cat"):
        told.add(piece)
    assert heard == ["a red"]
