"""The worker in a thread of the tests."""

import base64
import io
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from PIL import Image

from infer.engines.segment.box_segmenter import BoxSegmenter
from infer.engines.segment.mask_request import AnswersMasks, MaskRequest, OneByOne
from infer.engines.segment.segmenter import ScoredMask
from infer.serve.access import Access
from infer.serve.batching import Batcher
from infer.serve.connections import bounded
from infer.serve_masks.mask_server import MaskServer
from infer.serve_masks.worker_settings import WorkerSettings

PATIENCE = 120.0
"""Seconds after which a test that hangs fails."""


@dataclass
class Counting:
    """A backend that answers with the box's pixels once `go` is set, and keeps the digests that it saw."""

    go: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    batches: list[list[str]] = field(default_factory=list)

    def answer(self, requests: Sequence[MaskRequest]) -> list[tuple[ScoredMask, ...]]:
        self.asked.set()
        assert self.go.wait(PATIENCE)
        self.batches.append([request.digest for request in requests])
        return OneByOne(BoxSegmenter()).answer(requests)


@dataclass
class RunningWorker:
    """A worker that runs."""

    port: int
    server: MaskServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def post(self, body: Any, **headers: str) -> httpx.Response:
        """Send a body, as JSON unless it is bytes; a header's name has _ for -."""
        given = {"Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"{self.url}/v1/masks", content=content, headers=given, timeout=PATIENCE)


def picture_bytes(size: tuple[int, int] = (20, 10), kind: str = "PNG", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 7).save(file, kind)
    return file.getvalue()


def mask_body(content: bytes | None = None, **fields: Any) -> dict[str, Any]:
    """Return a request about a box in a picture of 20x10 pixels, with other fields."""
    content = picture_bytes() if content is None else content
    picture = {"png": base64.b64encode(content).decode()}
    return {"picture": picture, "box": [1, 2, 6, 8], **fields}


@contextmanager
def running_worker(
    backend: AnswersMasks | None = None, *, api_key: str | None = None, **settings: Any
) -> Iterator[RunningWorker]:
    """Run a worker with these settings on a free port of loopback, over the box's pixels or a backend."""
    chosen = WorkerSettings(**settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        engine = backend or OneByOne(BoxSegmenter())
        batcher = Batcher(engine, chosen.batch_size, chosen.queue_size)
        server = MaskServer(batcher, Access(chosen.served_names, api_key), chosen)
        config = uvicorn.Config(
            server.application(),
            log_config=None,
            log_level="warning",
            http=bounded(chosen.idle_seconds, chosen.max_connections),
            ws="none",
        )
        process = uvicorn.Server(config)
        thread = threading.Thread(target=process.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield RunningWorker(listener.getsockname()[1], server)
        finally:
            if isinstance(backend, Counting):
                backend.go.set()
            process.should_exit = True
            thread.join(PATIENCE)
            batcher.close()
            assert not thread.is_alive()
