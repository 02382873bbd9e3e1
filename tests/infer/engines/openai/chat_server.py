"""A small server of chat completions for the tests: answers by any engine, and fails when it is told to."""

import base64
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.protocol import RawAnswer, Request

Answer = Callable[[Request], RawAnswer]


@dataclass(frozen=True)
class Fault:
    """How a request goes wrong: an HTTP status, a pause before the answer, a dropped connection.

    With `raw`, these bytes are sent as they are, in pieces with a `rest` (in seconds) between them, and the
    connection is closed.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "told to fail"
    pause: float = 0.0
    drops: bool = False
    raw: tuple[bytes, ...] = ()
    rest: float = 0.0


class ChatServer:
    """Serves `answer` at `url` within a with block, and remembers what it was asked."""

    def __init__(self, folder: Path, answer: Answer, models: tuple[str, ...] = ("tiny",)) -> None:
        self.folder, self.answer, self.models = folder, answer, models
        self.faults: deque[Fault] = deque()
        self.fault_of: Callable[[Request], Fault | None] = lambda request: None
        self.key: str | None = None
        self.asked: list[Request] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_a_time = self.most_at_a_time = self.connections = 0
        self.lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "ChatServer":
        chat = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                with chat.lock:
                    chat.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with chat.lock:
                    chat.at_a_time += 1
                    chat.most_at_a_time = max(chat.most_at_a_time, chat.at_a_time)
                try:
                    self.respond(body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client has given up, or was killed
                finally:
                    with chat.lock:
                        chat.at_a_time -= 1

            def respond(self, body: dict[str, Any]) -> None:
                if self.path != "/v1/chat/completions":
                    return self.send(404, {"detail": "Not Found"})
                if chat.key is not None and self.headers["Authorization"] != f"Bearer {chat.key}":
                    return self.send(401, {"error": {"message": "wrong key"}})
                if body["model"] not in chat.models:
                    return self.send(
                        404, {"error": {"message": f"The model `{body['model']}` does not exist"}}
                    )
                request = chat.request_in(body)
                with chat.lock:
                    fault = chat.faults.popleft() if chat.faults else chat.fault_of(request)
                    chat.asked.append(request)
                    chat.bodies.append(body)
                    chat.headers.append(dict(self.headers))
                if fault is not None:
                    time.sleep(fault.pause)
                    if fault.drops:
                        self.close_connection = True
                        self.connection.close()
                        return None
                    if fault.raw:
                        return self.send_raw(fault)
                    if fault.status:
                        return self.send(fault.status, {"error": {"message": fault.message}}, fault.headers)
                return self.send(200, chat.completion(body, chat.answer(request)))

            def send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
                payload = json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def send_raw(self, fault: Fault) -> None:
                self.close_connection = True
                for piece in fault.raw:
                    self.connection.sendall(piece)
                    time.sleep(fault.rest)

            def log_message(self, *message: object) -> None:
                del message

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # The interval is how long closing the server takes.
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, where: TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def request_in(self, body: dict[str, Any]) -> Request:
        """Turn the messages back into a request; the image is saved under the hash of its bytes.

        The last message alone is asked.
        """
        *before, user = body["messages"]
        text, images = "", ()
        content = user["content"]
        for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            if part["type"] == "text":
                text += part["text"]
                continue
            head, _, data = part["image_url"]["url"].partition(";base64,")
            content = base64.b64decode(data)
            image = self.folder / f"{hashlib.sha256(content).hexdigest()}.{head.rpartition('/')[2]}"
            if not image.exists():
                image.write_bytes(content)
            text, images = text + IMAGE_PLACEHOLDER, (*images, image)
        return Request(images, before[0]["content"] if before else "", text)

    def completion(self, body: dict[str, Any], answer: RawAnswer) -> dict[str, Any]:
        logprobs = {
            "content": [
                {
                    "token": token.text,
                    "bytes": list(token.text.encode()),
                    "logprob": token.logprob,
                    "top_logprobs": [
                        {"token": text, "logprob": logprob, "bytes": None}
                        for text, logprob in token.alternatives[: body.get("top_logprobs", 0)]
                    ],
                }
                for token in answer.tokens
            ]
        }
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.text},
            "finish_reason": "length" if answer.is_cut else "stop",
            "logprobs": logprobs if body.get("logprobs") else None,
        }
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
        }
