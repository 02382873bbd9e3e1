"""A server that asks for more than the question: the key, the picture, endless patience."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.engines.openai.client import OpenAIEngine
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from tests.infer.conftest import SmallDataset, write_dataset
from tests.infer.engines.openai.behaviours import WHOLE, dripped
from tests.infer.engines.openai.chat_server import ChatServer, Fault
from tests.infer.serve.running_server import PIXEL

ROOT = Path(__file__).parents[2]
KEY = "sk-planted-secret-0123456789"


def found(request: Request) -> RawAnswer:
    del request
    return RawAnswer("red square(1,2),(30,40)", False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    with ChatServer(tmp_path / "received", found) as running:
        running.key = KEY
        yield running


@pytest.fixture
def dataset(tmp_path: Path) -> SmallDataset:
    return write_dataset(tmp_path / "data")


@pytest.fixture
def question(tmp_path: Path) -> Request:
    image = tmp_path / "picture.png"
    image.write_bytes(PIXEL)
    return Request((image,), "", "<image>Where is it?")


def ask(base_url: str, question: Request, **keys: object) -> list[RawAnswer]:
    settings = {"engine": "openai", "base_url": base_url, "model": "tiny", "retries": 0, **keys}
    return OpenAIEngine(EngineSettings(**settings)).answer([question])  # type: ignore[arg-type]


def infer(
    server: ChatServer, dataset: SmallDataset, output: Path, *overrides: str, key: str = KEY
) -> "subprocess.CompletedProcess[str]":
    recipe = output.with_suffix(".yaml")
    recipe.write_text(f"dataset: {dataset.path}\noutput_dir: {output}\n", encoding="utf-8")
    words = ["engine=openai", f"base_url={server.url}", "model=tiny", "limit=2", "retries=0", *overrides]
    return subprocess.run(
        [sys.executable, "-m", "infer", str(recipe), *words],
        cwd=ROOT,
        env={**os.environ, "OPENAI_API_KEY": key},
        capture_output=True,
        text=True,
    )


def told(shown: "subprocess.CompletedProcess[str]") -> list[str]:
    """Return the lines that are not the progress bar's."""
    return [line for line in shown.stderr.splitlines() if line and "predict:" not in line]


def holders(folder: Path, secret: str) -> list[str]:
    """Return the files in which a secret is."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert paths
    return [path.name for path in paths if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_server_gets_neither_key_nor_picture(
    server: ChatServer, question: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer(tmp_path / "elsewhere", found) as thief:
        place = f"{thief.url}/chat/completions"
        server.fault_of = lambda request: Fault(status, {"Location": place})
        with pytest.raises(
            UserError, match=f"{server.url}: the server redirects to http://127.0.0.1:.*set base_url"
        ):
            ask(server.url, question)
        assert thief.asked == []
        assert thief.connections == 0
    assert len(server.asked) == 1


def test_a_redirect_on_the_same_server_arrives_with_the_key(
    server: ChatServer, question: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.faults.append(Fault(307, {"Location": "/v1/chat/completions"}))
    assert ask(server.url, question) == [found(question)]
    assert len(server.asked) == 2


def test_the_key_is_in_no_message_and_no_file(
    server: ChatServer, dataset: SmallDataset, tmp_path: Path
) -> None:
    done = infer(server, dataset, tmp_path / "done")
    assert done.returncode == 0, done.stderr
    server.fault_of = lambda request: Fault(500, message=f"bad header: Bearer {KEY}\x1b[2J")
    failed = infer(server, dataset, tmp_path / "failed")
    assert failed.returncode == 2
    assert told(failed) == [
        f"error: {server.url}: HTTP 500, bad header: Bearer ***\\x1b[2J: failed 1 times, see the server's log"
    ]
    for shown in (done, failed):
        assert KEY not in shown.stdout + shown.stderr
    assert holders(tmp_path / "done", KEY) == holders(tmp_path / "failed", KEY) == []


def test_an_echoed_key_in_an_answer_is_refused(
    server: ChatServer, question: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.answer = lambda request: RawAnswer(f"your key is {KEY}", False)
    with pytest.raises(UserError, match="holds the key") as caught:
        ask(server.url, question)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_ORG_ID", "org-hidden"),
        ("OPENAI_PROJECT_ID", "proj-hidden"),
        ("OPENAI_ADMIN_KEY", "sk-admin-hidden"),
        ("OPENAI_CUSTOM_HEADERS", "X-Access: hidden\nAuthorization: Bearer hidden"),
        ("OPENAI_ORG_ID", "hidden-\u00e9"),
        ("OPENAI_CUSTOM_HEADERS", "X-\u00e9: hidden"),
    ],
)
def test_what_the_environment_holds_for_another_server_is_not_sent(
    server: ChatServer, question: Request, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv(name, value)
    ask(server.url, question)
    (headers,) = server.headers
    sent = {name.lower(): text for name, text in headers.items()}
    assert sent["authorization"] == f"Bearer {KEY}"
    assert "hidden" not in str(sent)
    assert not {"openai-organization", "openai-project", "x-access"} & set(sent)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\u200b", "  "])
def test_a_key_that_fits_into_no_header_is_one_line_without_the_key(
    server: ChatServer, dataset: SmallDataset, tmp_path: Path, key: str
) -> None:
    shown = infer(server, dataset, tmp_path / "out", key=key)
    assert shown.returncode == 2
    assert told(shown) == [
        "error: OPENAI_API_KEY: the key has blanks, line ends or characters outside ASCII: set it again"
    ]
    assert server.asked == []


def test_a_password_in_the_address_is_in_no_message(
    server: ChatServer, question: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    address = server.url.replace("://", "://user:pass%20word@")
    server.key = None
    for fault in (Fault(drops=True), Fault(401, message="not pass word nor pass%20word"), Fault(404)):
        server.faults.append(fault)
        with pytest.raises(UserError, match=r"^http://127\.0\.0\.1") as caught:
            ask(address, question)
        assert not any(word in str(caught.value) for word in ("pass word", "pass%20word"))
    with pytest.raises(UserError, match="base_url is no address") as caught:
        ask("http://user:pass%20word@[::1", question)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:99999/v1", "base_url is no address"),
        ("http://a..b/v1", "no connection"),
        ("http:///v1", "no connection"),
        ("http://[::1", "base_url is no address"),
        ("http://\u200b/v1", "base_url is no address"),
    ],
)
def test_an_address_that_no_network_has_is_one_line(question: Request, address: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ask(address, question)


@pytest.mark.parametrize("proxy", ["nonsense://127.0.0.1:9", "socks5://127.0.0.1:9", "http://127.0.0.1:9"])
def test_a_proxy_that_does_not_work_is_one_line(
    question: Request, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(UserError, match=r"HTTP_PROXY|no connection"):
        ask("http://server.invalid/v1", question)


def test_an_answer_that_never_ends_is_one_line(
    server: ChatServer, dataset: SmallDataset, tmp_path: Path
) -> None:
    server.fault_of = lambda request: Fault(raw=dripped(WHOLE), rest=0.1)
    shown = infer(server, dataset, tmp_path / "out", "timeout=1", "limit=1")
    assert shown.returncode == 2
    assert told(shown) == [
        f"error: {server.url}: no answer about {dataset.path}/images/000101.png within 1 s: "
        "lower concurrency, or raise timeout"
    ]
    server.fault_of = lambda request: None
    assert infer(server, dataset, tmp_path / "out", "timeout=60", "limit=1").returncode == 0


def test_a_garbled_answer_is_one_line_and_the_other_answers_are_kept(
    server: ChatServer, dataset: SmallDataset, tmp_path: Path
) -> None:
    server.faults.extend([Fault(), Fault(raw=(b"HTTP/1.1 200 OK\r\n\r\n<h1>\x1b[2JLog in</h1>",))])
    output = tmp_path / "out"
    shown = infer(server, dataset, output, "concurrency=1")
    assert shown.returncode == 2
    (line,) = told(shown)
    assert "is no chat completion, it is not JSON: '<h1>\\x1b[2JLog in</h1>'" in line
    assert infer(server, dataset, output, "concurrency=1").returncode == 0
    assert len(server.asked) == 3
    rows = [json.loads(text) for text in (output / "predictions.jsonl").read_text().splitlines()]
    assert [row["image_id"] for row in rows] == [101, 102]
