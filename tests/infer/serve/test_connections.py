"""Connections that ask nothing, or too slowly, do not keep others out."""

import resource
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

import pytest

from grounding.errors import UserError
from infer.serve import connections
from tests.infer.serve.running_server import PATIENCE, chat_body, head, read_response, running


def reads_the_end(connection: socket.socket) -> bool:
    """Wait until the server closes the connection, which it does without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def wait_until_closed(connections: Sequence[socket.socket], count: int) -> None:
    """Wait until so many connections have an end to read: the server sends nothing on them."""
    deadline = time.monotonic() + PATIENCE
    while len(select.select(connections, [], [], 0.1)[0]) < count:
        assert time.monotonic() < deadline


def test_half_open_connections_make_room() -> None:
    with running(max_connections=8, idle_seconds=600) as server, ExitStack() as held:
        silent = [held.enter_context(server.connect()) for _ in range(30)]
        for one in silent[::2]:
            with suppress(OSError):  # it is closed already
                one.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127")
        assert server.send(b"", path="/health")[0] == 200
        assert server.send(chat_body())[0] == 200
        assert all(reads_the_end(one) for one in silent[:20])


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


def test_a_connection_that_is_kept_alive_asks_again() -> None:
    with running() as server, server.connect() as connection:
        for _ in range(3):
            connection.sendall(head(server.port, path="/health", length=0))
            assert read_response(connection)[0] == 200


def test_the_limit_of_open_files_is_raised_or_the_settings_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = [(100, 2000)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    connections.make_room_for_files(512, 264)
    connections.make_room_for_files(100, 100)
    assert limits == [(100, 2000), (904, 2000)]
    with pytest.raises(UserError, match="2392 open files are needed and 2000 allowed"):
        connections.make_room_for_files(2000, 264)
