"""Questions posted to a server that fails: every attempt is told, and the kind of failure is known."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.remote.chat_client import ChatClient, NoAnswerError, StatusRefusalError, key_of_server
from grounding.remote.completion_body import parse_completion
from infer.engines.protocol import RawAnswer
from tests.infer.engines.openai.chat_server import ChatServer, Fault
from tests.infer.serve.running_server import PIXEL

PICTURE = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
QUESTION = [
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": PICTURE}},
            {"type": "text", "text": "Who is there?"},
        ],
    }
]
FIELDS = {"model": "tiny", "temperature": 0.0}


class Watch:
    """Counts attempts, and allows `most` of them."""

    def __init__(self, most: int = 100) -> None:
        self.most, self.begun, self.refusals = most, 0, 0

    def begin(self) -> None:
        if self.begun == self.most:
            raise PermissionError("no further attempt")
        self.begun += 1

    def refused(self) -> None:
        self.refusals += 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    with ChatServer(tmp_path / "received", lambda request: RawAnswer("a dog", False)) as running:
        yield running


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ChatClient]:
    monkeypatch.setattr("grounding.remote.chat_client.SHORTEST_PAUSE", 0.01)
    return lambda server, retries=2, timeout=30.0: ChatClient(
        server.url, "none", timeout=timeout, retries=retries, max_tokens=64
    )


def quick(status: int) -> Fault:
    return Fault(status, {"Retry-After-Ms": "1"})


CUT = Fault(raw=(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"choices": [{"mess',))
GARBLED = Fault(raw=(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<h1>",))


def test_every_attempt_is_told(server: ChatServer, connect: Callable[..., ChatClient]) -> None:
    server.faults.extend([quick(429), quick(500)])
    watch = Watch()
    body = connect(server).post(QUESTION, FIELDS, "question 1", watch)
    assert parse_completion(body).text == "a dog"
    assert (watch.begun, watch.refusals, len(server.asked)) == (3, 2, 3)


@pytest.mark.parametrize("fault", [CUT, GARBLED, Fault(drops=True)], ids=["cut", "garbled", "dropped"])
def test_an_attempt_whose_outcome_is_unknown_is_no_refusal(
    server: ChatServer, connect: Callable[..., ChatClient], fault: Fault
) -> None:
    server.faults.append(fault)
    watch = Watch()
    connect(server).post(QUESTION, FIELDS, "question 1", watch)
    assert (watch.begun, watch.refusals, len(server.asked)) == (2, 0, 2)


def test_a_redirect_is_an_attempt(server: ChatServer, connect: Callable[..., ChatClient]) -> None:
    server.faults.append(Fault(307, {"Location": "/v1/chat/completions"}))
    watch = Watch()
    connect(server).post(QUESTION, FIELDS, "question 1", watch)
    assert (watch.begun, watch.refusals, len(server.asked)) == (2, 1, 2)


def test_a_watch_ends_the_attempts(server: ChatServer, connect: Callable[..., ChatClient]) -> None:
    server.faults.extend([quick(500)] * 3)
    with pytest.raises(PermissionError):
        connect(server).post(QUESTION, FIELDS, "question 1", Watch(most=2))
    assert len(server.asked) == 2


def test_kinds_of_failures_are_told_apart(server: ChatServer, connect: Callable[..., ChatClient]) -> None:
    client = connect(server, retries=0)
    server.faults.append(Fault(418, message="a teapot"))
    with pytest.raises(StatusRefusalError, match="HTTP 418, a teapot") as caught:
        client.post(QUESTION, FIELDS, "question 1")
    assert caught.value.status == 418
    server.faults.append(Fault(drops=True))
    with pytest.raises(NoAnswerError, match="no connection"):
        client.post(QUESTION, FIELDS, "question 1")
    server.faults.append(Fault(pause=2.0))
    with pytest.raises(NoAnswerError, match=r"no answer about question 1 within 0\.3 s"):
        connect(server, retries=0, timeout=0.3).post(QUESTION, FIELDS, "question 1")


def test_the_key_of_another_variable_is_read_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "sk-other")
    assert key_of_server("OTHER_KEY") == "sk-other"
    monkeypatch.setenv("OTHER_KEY", "sk other")
    with pytest.raises(UserError, match="OTHER_KEY: the key has blanks"):
        key_of_server("OTHER_KEY")


def test_an_answer_with_the_key_is_refused(server: ChatServer) -> None:
    client = ChatClient(server.url, "sk-secret-1", timeout=5, retries=0, max_tokens=64)
    client.check_secrets("a dog", "question 1")
    with pytest.raises(UserError, match="about question 1 holds the key"):
        client.check_secrets("a dog with sk-secret-1", "question 1")
