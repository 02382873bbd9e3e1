"""Requests that the app refuses: strangers' pages, other paths, no password, and bodies of the wrong kind."""

import json
import logging
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.visualize.app.app_engine import KnownAnswers, make_asker
from tests.visualize.app.app_requests import DEADLINE, upload
from visualize.app.access.door import LARGEST_BODY
from visualize.app.access.login_delay import FREE_ATTEMPTS
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings

PASSWORD = "correct horse"


def serve(password=None, **settings):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    return served(make_asker(KnownAnswers()), AppSettings(port=port, **settings), "m", password)


@pytest.fixture(scope="module")
def url():
    with serve(allowed_hosts=["example.org"]) as address:
        yield address


@pytest.mark.parametrize("path", ["", "config", "gradio_api/info", "gradio_api/upload", "openapi.json"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "", "Origin": ""},
    ],
)
def test_a_strangers_page_gets_nothing(url, path, headers):
    method = "POST" if path.endswith("upload") else "GET"
    sent = httpx.request(method, url + path, headers=headers, timeout=DEADLINE)
    assert sent.status_code == 403
    assert "allowed_hosts=[" in sent.text
    assert not [name for name in sent.headers if name.startswith("access-control-")]


def test_a_host_that_is_allowed_is_answered(url):
    for headers in ({"Host": "example.org"}, {"Origin": "https://example.org"}, {"Host": "localhost:1"}):
        assert httpx.get(url, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in (
            "docs", "redoc", "openapi.json", "monitoring/x", "monitoring", "gradio_api/proxy=http://127.0.0.1/",
            "gradio_api/dev/reload", "gradio_api/vibe-code", "gradio_api/runs", "gradio_api/deep_link",
            "gradio_api/file/etc/passwd", "gradio_api/file=http://127.0.0.1/", "gradio_api/token",
            "gradio_api/custom_component/1/client/component/x", "gradio_api/file=/etc/passwd",
        )),
        *(("POST", path) for path in (
            "gradio_api/component_server", "gradio_api/process_recording", "gradio_api/vibe-edit",
            "gradio_api/stream/1", "gradio_api/stream/1/close", "gradio_api/run-history/connect",
        )),
        ("DELETE", "gradio_api/upload"), ("PUT", "config"),
    ],
)  # fmt: skip
def test_what_neither_page_nor_client_needs_is_not_found(url, method, path):
    assert httpx.request(method, url + path, timeout=DEADLINE).status_code == 404


def test_with_a_password_everything_but_the_login_page_needs_it():
    with serve(PASSWORD) as url:
        for path in ("docs", "openapi.json", "gradio_api/openapi.json", "gradio_api/info", "config",
                     "gradio_api/queue/data?session_hash=a", "gradio_api/heartbeat/a", "gradio_api/runs",
                     "gradio_api/upload_progress?upload_id=a", "gradio_api/queue/status"):  # fmt: skip
            assert httpx.get(url + path, timeout=DEADLINE).status_code == 401, path
        for path in ("queue/join", "cancel", "reset", "run/everything", "call/everything", "stream/1"):
            assert httpx.post(f"{url}gradio_api/{path}", json={}, timeout=DEADLINE).status_code == 401, path
        assert upload(url, b"x").status_code == 401
        assert httpx.get(url).status_code == 200
        with httpx.Client(base_url=url) as client:
            given = {"username": "a", "password": PASSWORD}
            assert client.post("login", data=given).status_code == 200
            assert client.get("config").status_code == 200
            assert client.get("gradio_api/openapi.json").status_code == 200
            assert client.get("openapi.json").status_code == 404


def test_wrong_passwords_are_delayed_and_a_right_one_ends_the_count():
    with serve(PASSWORD) as url:

        def log_in(password):
            return httpx.post(f"{url}login", data={"username": "a", "password": password}, timeout=DEADLINE)

        assert [log_in("wrong").status_code for _ in range(FREE_ATTEMPTS - 1)] == [400] * (FREE_ATTEMPTS - 1)
        assert log_in(PASSWORD).status_code == 200
        assert [log_in("wrong").status_code for _ in range(FREE_ATTEMPTS)] == [400] * FREE_ATTEMPTS
        assert log_in(PASSWORD).status_code == 200  # the page waits for a short delay
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda _: log_in("wrong"), range(48)))
        statuses = [sent.status_code for sent in answers]
        assert set(statuses) == {400, 429}
        assert statuses.count(400) < 20
        late = [sent for sent in answers if sent.status_code == 429]
        assert int(late[-1].headers["retry-after"]) >= 1
        assert "Try again in" in late[-1].text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", None, 415),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (json.dumps("x" * LARGEST_BODY).encode(), "application/json", 413),
    ],
)
def test_a_body_is_json_of_a_bounded_size(url, content, kind, status):
    headers = {} if kind is None else {"Content-Type": kind}
    sent = httpx.post(f"{url}gradio_api/queue/join", content=content, headers=headers, timeout=DEADLINE)
    assert sent.status_code == status


def test_a_request_that_is_broken_off_is_no_error(url, monkeypatch):
    logged = []
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "handle", logged.append)
    host, port = url.removeprefix("http://").strip("/").split(":")
    for path in ("queue/join", "upload", "cancel"):
        with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
            head = f"POST /gradio_api/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99\r\n"
            connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n--x".encode())
    assert [httpx.get(url).status_code for _ in range(3)] == [200] * 3
    assert [record.getMessage() for record in logged if record.levelno >= logging.ERROR] == []
