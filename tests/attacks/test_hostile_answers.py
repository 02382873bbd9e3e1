"""Whatever a server answers, it becomes an answer, a retry, or one line that names the server."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from grounding.errors import UserError
from infer.engines.openai.client import OpenAIEngine
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from tests.infer.engines.openai.behaviours import ATTEMPTS, BEHAVIOURS, TEXT, Behaviour
from tests.infer.engines.openai.chat_server import ChatServer
from tests.infer.serve.running_server import PIXEL

KEY = "sk-planted-secret-0123456789"
LONGEST_LINE = 900
"""300 characters of the server's, and ours with the paths and the address."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    folder = tmp_path_factory.mktemp("received")
    with ChatServer(folder, lambda request: RawAnswer(TEXT, False)) as server:
        server.key = KEY
        yield server


@pytest.fixture
def server(running: ChatServer, monkeypatch: pytest.MonkeyPatch) -> ChatServer:
    async def sleep(seconds: float) -> None:
        del seconds

    monkeypatch.setattr("openai._base_client.anyio", SimpleNamespace(sleep=sleep))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    running.asked.clear()
    return running


@pytest.fixture
def request_of_a_picture(tmp_path: Path) -> Request:
    image = tmp_path / "picture.png"
    image.write_bytes(PIXEL)
    return Request((image,), "", "<image>Where is it?")


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=list(BEHAVIOURS))
def test_whatever_a_server_does_is_an_answer_or_one_line(
    server: ChatServer, request_of_a_picture: Request, behaviour: Behaviour
) -> None:
    server.fault_of = lambda request: behaviour.fault
    engine = OpenAIEngine(
        EngineSettings(
            engine="openai",
            base_url=server.url,
            model="tiny",
            retries=ATTEMPTS - 1,
            timeout=behaviour.timeout,
            max_new_tokens=16,
            score="min_prob" if behaviour.scored else "none",
        )
    )
    if behaviour.text is not None:
        (answered,) = engine.answer([request_of_a_picture])
        assert (answered.text, len(answered.tokens)) == (behaviour.text, behaviour.tokens)
    else:
        with pytest.raises(UserError, match=behaviour.error) as caught:
            engine.answer([request_of_a_picture])
        line = str(caught.value)
        assert line.isprintable()
        assert len(line) < LONGEST_LINE
        assert server.url in line
        assert KEY not in line
    assert len(server.asked) == behaviour.attempts


def test_the_table_is_large() -> None:
    assert len(BEHAVIOURS) >= 60
    assert sys.getrecursionlimit() < 100_000  # else deep JSON would not be deep
