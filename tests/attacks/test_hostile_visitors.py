"""What strangers send to the app: pages of others, other paths, wrong passwords, and calls of all kinds."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.visualize.app.app_engine import KnownAnswers, make_asker
from tests.visualize.app.app_requests import DEADLINE, answer, join, until, upload
from visualize.app.access import upload_progress
from visualize.app.access.calls import UNREAD_MESSAGES
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


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


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


def test_a_password_that_no_text_has_is_wrong_without_an_error(faults):
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    body = part % (b"username", b"a") + part % (b"password", b"\\ud800") + b"--x--\r\n"
    with serve(PASSWORD) as url:
        for charset in ("unicode_escape", "hex", "nonsense"):
            headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
            sent = httpx.post(f"{url}login", content=body, headers=headers, timeout=DEADLINE)
            assert sent.status_code in (400, 422)
    assert faults() == []


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


def test_a_request_that_is_broken_off_is_no_error(url, faults):
    host, port = url.removeprefix("http://").strip("/").split(":")
    for path in ("queue/join", "upload", "cancel"):
        with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
            head = f"POST /gradio_api/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99\r\n"
            connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n--x".encode())
    assert [httpx.get(url).status_code for _ in range(3)] == [200] * 3
    assert faults() == []


BAD_CALLS = {
    "queue/join": [
        b"[1]", b"null", b'"x"', b"{}", b'{"\\udc00": 1}',
        *(b'{"session_hash": "s", "data": [null], "fn_index": %s}' % number
          for number in (b"-1", b"99", b"6", b"null", b'"1"', b"true", b"1.5", b"1" + b"0" * 30, b"[]")),
        *(b'{"session_hash": "s", "fn_index": 1, "data": %s}' % data
          for data in (b"null", b"[]", b"[null, null]", b"{}", b'["x"]', b"[7]", b"[[[]]]", b'["\\ud800"]')),
        *(b'{"session_hash": "s", "fn_index": 0, "data": [%s]}' % place
          for place in (b"null", b"-1", b"99", b"true", b"0.5", b'"0"')),
        *(b'{"session_hash": %s, "fn_index": 1, "data": [null]}' % session
          for session in (b"null", b"5", b"[]", b'""', b'"\\ud800"', b'"%s"' % (b"a" * 129))),
    ],
    "call/phrase": [b"{}", b'{"data": []}', b'{"data": ["x", "y"]}', b'{"data": [null, "\\ud800"]}', b"[]"],
    "call/v2/phrase": [b"{}", b'{"data": []}', b'{"upload": null, "phrase": "x", "more": 1}', b"[]"],
    "call/everything_in_all": [
        b"{}", b'{"data": []}', b'{"data": [null]}', b'{"data": [null, null, null, null, null]}',
        b'{"data": ["x", null, null, null]}', b'{"data": [null, null, [null], null]}', b"[]",
    ],
    "call/phrase_in_all": [b'{"data": [null, "x"]}', b'{"data": ["x", null, null, null, null]}'],
    "call/nothing": [b'{"data": []}'], "call/v2/nothing": [b"{}"], "run/nothing": [b'{"data": []}'],
    "run/predict": [b'{"data": [], "fn_index": 5}', b'{"data": [], "fn_index": 99}', b'{"fn_index": 5}',
                    b'{"data": ["x"], "fn_index": 5}', b'{"data": [-1], "fn_index": 0}'],
    "call/v2/claim": [b'{"upload": null}'],
    "call/close": [b"[]", b'{"data": [1]}'], "cancel": [b"{}", b'{"session_hash": "\\ud800"}'],
    "reset": [b"{}", b'{"event_id": 5}'],
}  # fmt: skip
"""Paths, and bodies that once caused an error inside Gradio, or could."""


@pytest.mark.parametrize("path", BAD_CALLS)
def test_a_call_that_means_nothing_is_refused_without_an_error(url, path, faults):
    for body in BAD_CALLS[path]:
        headers = {"Content-Type": "application/json"}
        sent = httpx.post(f"{url}gradio_api/{path}", content=body, headers=headers, timeout=DEADLINE)
        assert 400 <= sent.status_code < 500, (body, sent.text)
    assert faults() == []


def test_a_stream_of_a_session_that_asked_nothing_is_not_found(url, faults):
    for path in (
        "queue/data?session_hash=nobody",
        "queue/data",
        "call/phrase/nobody",
        "call/v2/phrase/nobody",
    ):
        assert httpx.get(f"{url}gradio_api/{path}", timeout=DEADLINE).status_code == 404
    assert faults() == []


def test_a_session_that_never_fetches_its_answers_may_not_ask_on(url):
    statuses = [join(url, [None], "deaf").status_code for _ in range(UNREAD_MESSAGES + 2)]
    assert statuses[0] == 200
    assert statuses[-1] in (429, 503)
    until(lambda: join(url, [None], "deaf").status_code == 429)
    assert join(url, [None], "hearing").status_code == 200
    assert "Choose a picture" in answer(url, "hearing")[1]


def test_strangers_get_no_cors_headers(url):
    for host in ("127.0.0.1", "example.org", "evil.example"):
        for origin in ("http://evil.example", "http://localhost:3000", "null", f"http://{host}"):
            asked = {"Host": host, "Origin": origin, "Access-Control-Request-Method": "POST"}
            for method in ("OPTIONS", "GET"):
                sent = httpx.request(method, f"{url}config", headers=asked, timeout=DEADLINE)
                assert not [name for name in sent.headers if name.startswith("access-control-")]


def raw(url, *lines):
    """Send the head of a request as it stands, and return what comes back first."""
    host, port = url.removeprefix("http://").strip("/").rsplit(":", 1)
    with socket.create_connection((host.strip("[]"), int(port)), timeout=DEADLINE) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        return connection.recv(1 << 16)


@pytest.mark.parametrize(
    "lines",
    [
        (b"GET / HTTP/1.0", b"Origin: http://evil.example"),
        (b"GET / HTTP/1.0",),
        (b"GET / HTTP/1.1",),
        (b"GET / HTTP/1.1", b"Host: 127.0.0.1", b"Host: evil.example"),
        (b"GET / HTTP/1.1", b"Host: \xff"),
        (b"GET / HTTP/1.1", b"Host: evil@127.0.0.1"),
        (b"GET / HTTP/1.1", b"Host: 127.0.0.1", b"Origin: \xff"),
        (b"GET / HTTP/1.1", b"Host: 127.0.0.1", b"X: " + b"a" * 200_000),
        (b"GET / HTTP/1.1",) + (b"X: " + b"a" * 1000,) * 200,
        (b"GET /\xff HTTP/1.1", b"Host: 127.0.0.1"),
    ],
    ids=range(10),
)
def test_a_head_that_no_browser_sends_is_refused_without_an_error(url, lines, faults):
    assert raw(url, *lines).split()[1] in (b"400", b"403", b"404", b"431")
    assert faults() == []


def test_followed_names_of_uploads_that_do_not_exist_are_forgotten(url, monkeypatch):
    from gradio.routes import file_upload_statuses

    monkeypatch.setattr(upload_progress, "FOLLOWED_SECONDS", 0.0)
    path = f"{url}gradio_api/upload_progress?upload_id=nobody"
    assert httpx.get(path, timeout=DEADLINE).status_code == 404
    assert upload(url, b"x", params={"upload_id": "unfollowed"}).status_code == 200
    until(
        lambda: (
            not {"nobody", "unfollowed"} & {*file_upload_statuses._signals, *file_upload_statuses._statuses}
        )
    )


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_the_page_is_served_at_an_ipv6_address():
    with serve(host="::1") as url:
        assert url.startswith("http://[::1]:")
        assert httpx.get(url, timeout=DEADLINE).status_code == 200
