"""The openai engine reads answers while a server writes them: from our server, and from any other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.errors import UserError
from infer.engines.live_answers import NOBODY_LISTENS, AnswersLive, NobodyListensError, read_live
from infer.engines.openai.client import OpenAIEngine
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from tests.infer.engines.openai.behaviours import http
from tests.infer.engines.openai.chat_server import ChatServer, Fault
from tests.infer.serve.replies.test_live_reply import Writer
from tests.infer.serve.running_server import running

KEY = "sk-very-secret-key"
QUICK = {"retries": 0, "timeout": 30.0}


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    return Request((tmp_path / "a.png",), "", "<image>one two three")


def connect(url: str, **keys: Any) -> OpenAIEngine:
    return OpenAIEngine(EngineSettings(engine="openai", base_url=url, model="m", **(QUICK | keys)))


def test_our_server_is_read_while_it_decodes(request_: Request) -> None:
    writer = Writer()
    with running(engine=writer) as served:
        engine = connect(f"http://127.0.0.1:{served.port}/v1")
        assert isinstance(engine, AnswersLive)
        live = read_live(engine, request_)
        writer.may_write.release()
        assert next(live) == "<image>one "  # the server waits to be let go for the next word
        writer.may_write.release()
        assert next(live) == "<image>one two "
        writer.may_write.release()
        assert list(live) == ["<image>one two three ", RawAnswer("<image>one two three ", False)]


def test_a_reader_that_leaves_ends_the_request_while_the_server_is_silent(request_: Request) -> None:
    writer = Writer()
    with running(engine=writer) as served:
        live = read_live(connect(f"http://127.0.0.1:{served.port}/v1"), request_)
        writer.may_write.release()
        assert next(live) == "<image>one "
        live.close()  # although nothing more comes
        writer.is_free = True
        writer.may_write.release()
        served.wait_for_bytes(0)


def test_a_listener_that_leaves_ends_its_answer_alone(request_: Request) -> None:
    writer = Writer()
    writer.is_free = True

    def leave(piece: str) -> None:
        raise NobodyListensError(piece)

    with running(engine=writer) as served:
        engine = connect(f"http://127.0.0.1:{served.port}/v1")
        left, other = engine.answer_live([request_, request_], [leave, None])
    assert (left.stopped, other.text) == (NOBODY_LISTENS, request_.user)


def events(*texts: str, last: str | None = "stop") -> bytes:
    choices: list[dict[str, Any]] = [{"delta": {"content": text}, "finish_reason": None} for text in texts]
    if last is not None:
        choices.append({"delta": {}, "finish_reason": last})
    return b"".join(b"data: %s\n\n" % json.dumps({"choices": [choice]}).encode() for choice in choices)


def streamed(body: bytes) -> Fault:
    return Fault(raw=(http(body, "200 OK", "Content-Type: text/event-stream"),))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    with ChatServer(tmp_path / "received", lambda _: RawAnswer("plain", False), ("m",)) as running_:
        yield running_


def read(engine: OpenAIEngine, request: Request) -> tuple[str, RawAnswer]:
    """Return what was told of an answer, and the answer."""
    heard: list[str] = []
    (answer,) = engine.answer_live([request], [heard.append])
    return "".join(heard), answer


def test_the_question_is_the_plain_one_but_for_its_stream(server: ChatServer, request_: Request) -> None:
    engine = connect(server.url, request={"top_k": 5})
    server.faults.append(streamed(events("a", " cat")))
    assert read(engine, request_) == ("a cat", RawAnswer("a cat", False))
    engine.answer([request_])
    live, plain = server.bodies
    assert live == plain | {"stream": True}


def test_a_server_that_does_not_stream_is_read_at_its_end(server: ChatServer, request_: Request) -> None:
    assert read(connect(server.url), request_) == ("", RawAnswer("plain", False))


def test_a_stream_that_was_cut_is_asked_for_again_and_told_once(
    server: ChatServer, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grounding.remote.chat_client.SHORTEST_PAUSE", 0.01)
    server.faults += [
        streamed(events("a", " re", last=None)),
        Fault(status=503),
        streamed(events("a ", "red cat", last="length")),
    ]
    assert read(connect(server.url, retries=2), request_) == ("a red cat", RawAnswer("a red cat", True))


def test_an_answer_that_repeats_itself_is_cut_as_a_plain_one(server: ChatServer, request_: Request) -> None:
    box = "red square(1,2),(30,40)"
    server.faults.append(streamed(events(*[f"{box}\n"] * 3)))
    told, answer = read(connect(server.url), request_)
    assert told == f"{box}\n" * 3
    assert answer.text == box


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (events("a", last=None), "is no chat completion, its stream ends before the answer does"),
        (b'data: {"error": {"message": "out of memory"}}\n\n', "no chat completion.*'out of memory'"),
        (events("a", last=None) + b"data: {\n\n", "an event is not JSON"),
        (events("a" * 5 * 1024**2), "sends an answer of more than"),
    ],
)
def test_a_broken_stream_is_said_in_one_line(
    server: ChatServer, request_: Request, body: bytes, message: str
) -> None:
    server.faults.append(streamed(body))
    with pytest.raises(UserError, match=message) as caught:
        read(connect(server.url, max_new_tokens=16), request_)
    assert "\n" not in str(caught.value)


def test_a_key_that_a_server_sends_back_is_not_told(
    server: ChatServer, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.faults.append(streamed(events("your key is s", *KEY[1:], ", isn't it?")))
    heard: list[str] = []
    with pytest.raises(UserError, match="holds the key"):
        connect(server.url).answer_live([request_], [heard.append])
    assert "".join(heard) == "your key is "


def test_a_stream_that_never_ends_is_bounded_in_time(server: ChatServer, request_: Request) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    server.faults.append(Fault(raw=(head, *[events("a", last=None)] * 500), rest=0.02))
    with pytest.raises(UserError, match=r"no answer about .* within 0.5 s"):
        read(connect(server.url, timeout=0.5), request_)
