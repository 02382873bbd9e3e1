"""Connections that ask nothing, ask too slowly or never read do not keep others out: server and app."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn

from infer.serve.connections import bounded
from tests.infer.serve.running_server import PATIENCE, chat_body, head, read_response, running
from tests.visualize.app.app_engine import KnownAnswers, make_asker
from tests.visualize.app.app_requests import answer, join
from train.launch.command import free_port
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings

LARGE = 64 << 20
"""Bytes, more than the system holds for a client that does not read."""


def reads_a_byte(one: socket.socket) -> bool:
    """Tell whether a response comes; a busy server may have closed the connection before."""
    try:
        return bool(one.recv(1))
    except OSError:
        return False


def reads_the_end(connection: socket.socket) -> bool:
    """Read until the server closes the connection."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


def has_ended(connection: socket.socket) -> bool:
    """Tell whether the server has closed the connection, by reading what has come."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def wait_until_closed(connections: Sequence[socket.socket], count: int) -> None:
    """Wait until the server has closed so many connections; which ones depends on how quick it is."""
    deadline = time.monotonic() + PATIENCE
    ended: set[socket.socket] = set()
    while len(ended) < count:
        ended |= {one for one in connections if one not in ended and has_ended(one)}
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_half_open_connections_make_room() -> None:
    with running(max_connections=8, idle_seconds=600) as server, ExitStack() as held:
        silent = [held.enter_context(server.connect()) for _ in range(30)]
        for one in silent[::2]:
            with suppress(OSError):  # it is closed already
                one.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127")
        assert server.send(b"", path="/health")[0] == 200
        assert server.send(chat_body())[0] == 200
        assert all(reads_the_end(one) for one in silent[:20])


def test_an_address_with_many_connections_makes_room_before_another() -> None:
    with running(max_connections=4, idle_seconds=600) as server, ExitStack() as held:
        place = ("127.0.0.1", server.port)
        other = held.enter_context(
            socket.create_connection(place, timeout=PATIENCE, source_address=("127.0.0.2", 0))
        )
        silent = [held.enter_context(server.connect()) for _ in range(12)]
        assert all(reads_the_end(one) for one in silent[: 12 - 3])
        other.sendall(head(server.port, path="/health", length=0))  # it is the oldest, and idle
        assert read_response(other)[0] == 200


def test_slow_bodies_make_room_and_waiting_requests_do_not() -> None:
    with running(max_connections=4, idle_seconds=600) as server, ExitStack() as held:
        server.engine.go.clear()
        asking = held.enter_context(server.connect())
        body = chat_body()
        asking.sendall(head(server.port, length=len(body)) + body)
        server.wait_for_bytes(len(body))
        slow = [held.enter_context(server.connect()) for _ in range(12)]
        for one in slow:
            with suppress(OSError):
                one.sendall(head(server.port, length=1000) + b"{")
        assert server.send(b"", path="/health")[0] == 200
        wait_until_closed(slow, 12 - 4)
        server.engine.go.set()
        assert read_response(asking)[0] == 200


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: 1"])
def test_an_idle_connection_is_closed(sent: bytes) -> None:
    with running(idle_seconds=0.2) as server, server.connect() as connection:
        connection.sendall(sent)
        assert reads_the_end(connection)


def test_bytes_do_not_prolong_the_time_of_a_head() -> None:
    with running(idle_seconds=0.3) as server, server.connect() as connection:
        connection.settimeout(0.05)
        connection.sendall(b"GET /health HTTP/1.1\r\n")
        for number in range(400):  # 20 seconds
            try:
                connection.sendall(b"X-%d: 1\r\n" % number)
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        pytest.fail("the connection is open still")


@contextmanager
def sending_much(idle_seconds: float) -> Iterator[tuple[int, "set[Any]"]]:
    """Serve LARGE bytes in pieces; yield the port and the connections that the server holds."""

    async def app(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(LARGE >> 16):
            await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, log_config=None, http=bounded(idle_seconds, 8), ws="none", lifespan="off"
        )
        process = uvicorn.Server(config)
        thread = threading.Thread(target=process.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1], process.server_state.connections
        finally:
            process.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_a_client_that_does_not_read_is_closed_and_one_that_reads_gets_everything() -> None:
    with sending_much(0.3) as (port, held):
        assert len(httpx.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE).content) == LARGE
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as silent:
            silent.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert silent.recv(1)
            deadline = time.monotonic() + PATIENCE
            while held:
                assert time.monotonic() < deadline, "the connection is open still"
                time.sleep(0.05)


@pytest.fixture(scope="module")
def app() -> Iterator[str]:
    """The address of an app that admits 8 connections and never tires of waiting."""
    settings = AppSettings(port=free_port(), max_connections=8, idle_seconds=600)
    with served(make_asker(KnownAnswers()), settings, "m", None) as url:
        yield url


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "GET / HTTP/1.1\r\nHost: 127.0",
        "POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x",
        "POST /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n{",
        "GET /gradio_api/heartbeat/mine HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["silence", "half a head", "half an upload", "half a question", "an endless stream"],
)
def test_a_visitor_of_the_app_is_answered_beside_more_connections_than_it_holds(app: str, sent: str) -> None:
    place = ("127.0.0.1", int(app.rstrip("/").rpartition(":")[2]))
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(place, timeout=PATIENCE)) for _ in range(24)]
        for one in held:
            with suppress(OSError):  # it is closed already
                one.sendall(sent.encode())
        if "heartbeat" in sent:
            assert any(reads_a_byte(one) for one in held)
        assert httpx.get(app, timeout=PATIENCE).status_code == 200
        assert join(app, [None], f"visitor{len(sent)}").status_code == 200
        assert "Choose a picture" in answer(app, f"visitor{len(sent)}")[1]
        wait_until_closed(held, 24 - 8)


def test_the_app_closes_a_head_that_never_ends() -> None:
    settings = AppSettings(port=free_port(), idle_seconds=0.5)
    with served(make_asker(KnownAnswers()), settings, "m", None) as url:
        place = ("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))
        for sent in (b"", b"GET / HTTP/1.1\r\n"):
            with socket.create_connection(place, timeout=PATIENCE) as one:
                one.sendall(sent)
                assert reads_the_end(one)
