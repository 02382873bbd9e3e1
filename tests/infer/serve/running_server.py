"""The server in a thread of the tests, over an engine that waits to be let go."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from infer.engines.protocol import Engine, RawAnswer, Request
from infer.serve.access import Access
from infer.serve.batching import Batcher
from infer.serve.chat import make_server
from infer.serve.connections import bounded
from infer.serve.replies.live_reply import HeardEngine
from infer.serve.request_body import InFlight
from infer.serve.serve_settings import ServeSettings

PATIENCE = 120.0
"""Seconds after which a test that hangs fails."""

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


class Echo:
    """An engine that answers with the question once `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        assert self.go.wait(PATIENCE)
        return [RawAnswer(request.user, is_cut=False) for request in requests]


@dataclass
class Running:
    """A server that runs: its port and its engine."""

    port: int
    engine: Echo = field(default_factory=Echo)
    in_flight: InFlight = field(default_factory=lambda: InFlight(0))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def wait_for_bytes(self, count: int) -> None:
        """Wait until the requests in flight have so many bytes."""
        deadline = time.monotonic() + PATIENCE
        while self.in_flight.used != count:
            assert time.monotonic() < deadline, f"{self.in_flight.used} bytes are in flight"
            time.sleep(0.01)

    def send(self, body: bytes, *, path: str = "/v1/chat/completions", **headers: str) -> tuple[int, str]:
        """Send a request and return status and text; a header's name has _ for -."""
        with self.connect() as connection:
            connection.sendall(head(self.port, path=path, length=len(body), **headers) + body)
            return read_response(connection)


def head(port: int, *, path: str = "/v1/chat/completions", length: int, **headers: str) -> bytes:
    given = {
        "Host": f"127.0.0.1:{port}",
        "Content-Type": "application/json",
        "Content-Length": str(length),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{'POST' if 'chat' in path else 'GET'} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in given.items() if value]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def read_response(connection: socket.socket) -> tuple[int, str]:
    """Return a response's status, and its head and body as text; the connection stays open."""
    received = b""
    while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < declared_length(received):
        chunk = connection.recv(1 << 16)
        assert chunk, "the connection was closed"
        received += chunk
    return int(received.split()[1]), received.decode()


def declared_length(response: bytes) -> int:
    (line,) = [line for line in response.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(line.partition(b":")[2])


def chat_body(image: bytes = PIXEL, text: str = "Where?", **fields: Any) -> bytes:
    url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}], **fields}).encode()


@contextmanager
def running(
    *,
    api_key: str | None = None,
    engine: Engine | None = None,
    check: Callable[[Request], None] = lambda _: None,
    **settings: Any,
) -> Iterator[Running]:
    """Run a server with these settings on a free port of loopback, over an Echo or another engine."""
    chosen = ServeSettings(**settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Running(listener.getsockname()[1])
        batcher = Batcher(
            HeardEngine(engine or server.engine),
            chosen.batch_size,
            chosen.queue_size,
            lambda heard: check(heard.request),
        )
        access = Access(chosen.host_names, api_key)
        app = make_server(batcher, "m", access, chosen)
        server.in_flight = app.state.in_flight
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            http=bounded(chosen.idle_seconds, chosen.max_connections),
            ws="none",
        )
        process = uvicorn.Server(config)
        thread = threading.Thread(target=process.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield server
        finally:
            server.engine.go.set()
            process.should_exit = True
            thread.join(PATIENCE)
            batcher.close()
            assert not thread.is_alive()
