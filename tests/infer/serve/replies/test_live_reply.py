"""Streams of a server that runs: the first event comes while an answer is decoded; readers may leave."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

from grounding.errors import UserError
from infer.engines.live_answers import Listener, NobodyListensError
from infer.engines.protocol import RawAnswer, Request
from tests.infer.serve.running_server import PATIENCE, Running, chat_body, head, running

STREAM = {"stream": True}


class Writer:
    """Writes the words of a question, each when it is let go; notes whom it asked, and who left."""

    def __init__(self) -> None:
        self.may_write = threading.Semaphore(0)
        self.is_free = False
        self.asked: list[str] = []
        self.left = threading.Event()
        self.fault: Exception | None = None
        self.fails_together = False

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        return self.answer_live(requests, [None] * len(requests))

    def answer_live(
        self, requests: Sequence[Request], listeners: Sequence[Listener | None]
    ) -> list[RawAnswer]:
        answers = [self.write(*each) for each in zip(requests, listeners, strict=True)]
        if self.fails_together and len(requests) > 1:
            raise MemoryError
        return answers

    def write(self, request: Request, hear: Listener | None) -> RawAnswer:
        self.asked.append(request.user)
        if hear is None:
            return RawAnswer(request.user, False)
        try:
            for word in request.user.split(" "):
                assert self.is_free or self.may_write.acquire(timeout=PATIENCE)
                if self.fault is not None and word.endswith("fault"):
                    raise self.fault
                hear(f"{word} ")
        except NobodyListensError:
            self.left.set()
        return RawAnswer(f"{request.user} ", False)


@pytest.fixture
def writer() -> Iterator[Writer]:
    writer = Writer()
    yield writer
    writer.is_free = True
    writer.may_write.release(100)


@pytest.fixture
def server(writer: Writer) -> Iterator[Running]:
    with running(engine=writer, batch_size=2) as server:
        yield server


@contextmanager
def reading(server: Running, text: str, **fields: Any) -> Iterator[Iterator[str]]:
    """Ask, and yield the texts of the events as they come."""
    url = f"http://127.0.0.1:{server.port}/v1/chat/completions"
    asked = {"content": chat_body(text=text, **(STREAM | fields)), "timeout": PATIENCE}
    headers = {"Content-Type": "application/json"}
    with httpx.stream("POST", url, headers=headers, **asked) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield texts(response.iter_lines())


def texts(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("data: {"):
            event = json.loads(line[6:])
            if "error" in event:
                yield f"error: {event['error']['message']}"
            elif content := event["choices"][0]["delta"].get("content"):
                yield content


def test_the_first_event_comes_before_the_answer_ends(server: Running, writer: Writer) -> None:
    writer.may_write.release()
    with reading(server, "one two three") as said:
        first = next(said)  # the engine waits to be let go for the second word
        assert first == "<image>one "
        assert server.in_flight.used > 0
        writer.may_write.release()
        assert next(said) == "two "
        writer.may_write.release()
        assert list(said) == ["three "]
    server.wait_for_bytes(0)


def test_the_openai_client_reads_a_stream_while_it_is_decoded(server: Running, writer: Writer) -> None:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=0)
    messages = json.loads(chat_body(text="one two"))["messages"]
    writer.may_write.release()
    said = []
    for chunk in client.chat.completions.create(model="m", messages=messages, stream=True, n=2):
        (choice,) = chunk.choices
        if choice.delta.content:
            said.append((choice.index, choice.delta.content))
            writer.may_write.release()
    assert said == [(0, "<image>one "), (1, "<image>one "), (0, "two "), (1, "two ")]


def test_a_reader_that_leaves_ends_its_answer_and_gives_its_room_back(
    server: Running, writer: Writer
) -> None:
    writer.may_write.release()
    with reading(server, "one two three four five six") as said:
        next(said)
    writer.is_free = True
    while not writer.left.wait(0.02):  # the words after the one at which the server learns of it
        writer.may_write.release()
    server.wait_for_bytes(0)
    assert server.send(chat_body(text="and you?"))[0] == 200


def test_a_reader_that_leaves_before_its_turn_is_not_answered(writer: Writer) -> None:
    with running(engine=writer, batch_size=1) as server, reading_begun(server, writer) as said:
        before, body = server.in_flight.used, chat_body(text="never asked", **STREAM)
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(head(server.port, length=len(body)) + body)
            server.wait_for_bytes(before + len(body))
        server.wait_for_bytes(before)  # it has gone, while the engine still writes for the first
        writer.is_free = True
        writer.may_write.release()
        assert list(said) == ["two "]
        assert server.send(chat_body(text="next"))[0] == 200
    assert writer.asked == ["<image>one two", "<image>next"]


@contextmanager
def reading_begun(server: Running, writer: Writer) -> Iterator[Iterator[str]]:
    writer.may_write.release()
    with reading(server, "one two") as said:
        assert next(said) == "<image>one "
        yield said


def test_what_fails_before_the_first_word_is_a_status(server: Running, writer: Writer) -> None:
    writer.is_free, writer.fault = True, UserError("the image: not usable")
    status, text = server.send(chat_body(text="fault", **STREAM))
    assert status == 400
    assert "the image: not usable" in text
    assert server.in_flight.used == 0


@pytest.mark.parametrize("fault", [UserError("no"), RuntimeError("out of memory at 0x1234")])
def test_what_fails_in_the_middle_is_the_last_event(
    server: Running, writer: Writer, fault: Exception
) -> None:
    writer.is_free, writer.fault = True, fault
    with reading(server, "one fault two") as said:
        assert list(said) == ["<image>one ", "error: the server failed in the middle of the answer"]
    server.wait_for_bytes(0)


def test_a_batch_that_is_answered_again_tells_nothing_twice(server: Running, writer: Writer) -> None:
    writer.fails_together = True
    with reading_begun(server, writer) as first:  # while it is answered, two others wait
        said: list[list[str]] = []
        lock = threading.Lock()

        def read(text: str) -> None:
            with reading(server, text) as pieces:
                found = list(pieces)
            with lock:
                said.append(found)

        threads = [threading.Thread(target=read, args=(text,)) for text in ("a b", "c d")]
        for thread in threads:
            thread.start()
        sizes = [len(chat_body(text=text, **STREAM)) for text in ("one two", "a b", "c d")]
        server.wait_for_bytes(sum(sizes))
        writer.is_free = True
        writer.may_write.release(1)
        assert list(first) == ["two "]
        for thread in threads:
            thread.join(PATIENCE)
    assert sorted(said) == [["<image>a ", "b "], ["<image>c ", "d "]]
    assert len(writer.asked) >= 4


@pytest.mark.parametrize(("settings", "fields"), [({"repeat_stop": True}, {}), ({}, {"logprobs": True})])
def test_what_is_known_at_the_end_alone_is_sent_then(
    writer: Writer, settings: dict[str, Any], fields: dict[str, Any]
) -> None:
    with running(engine=writer, **settings) as server, reading(server, "one two", **fields) as said:
        assert list(said) == ["<image>one two"]
