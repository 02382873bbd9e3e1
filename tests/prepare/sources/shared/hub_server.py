"""A hub on loopback: the parts of two hubs' APIs by which one small repository is fetched.

Source: the requests that huggingface_hub and modelscope make; the Hub API page.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """The files of the repository `me/tiny`, the requests that came, and what goes wrong on the way.

    `kind` is datasets or models.

    The next answer with the bytes of `break_file` ends after `break_after` of them: the connection is
    closed, or with `stalls` stays open without another byte.
    """

    files: dict[str, bytes]
    kind: str = "datasets"
    break_file: str = ""
    break_after: int = 0
    stalls: bool = False
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    address: str = ""
    is_over: bool = False

    def ranges(self, name: str) -> list[str | None]:
        """The Range headers of the requests for a file's bytes, in their order."""
        return [asked for method, path, asked in self.requests if method == "GET" and path.endswith(name)]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve the hub for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words: Any) -> None:
            del words

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path = urlsplit(self.path).path
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            kind, prefix = hub.kind, "/datasets" if hub.kind == "datasets" else ""
            if path == f"/api/v1/{kind}/me/tiny/repo":  # ModelScope names the file in the query
                path = f"{path}/{asked['FilePath']}"
            hub.requests.append((self.command, path, self.headers.get("Range")))
            if path == "/":
                self._send(200, b"hub")
            elif re.fullmatch(rf"/api/{kind}/me/tiny(/revision/main)?", path):
                siblings = [{"rfilename": name} for name in hub.files]
                self._send_json({"id": "me/tiny", "sha": COMMIT, "private": False, "siblings": siblings})
            elif path.startswith(f"/api/{kind}/me/tiny/tree/"):
                rows = [
                    {"type": "file", "path": name, "size": len(data), "oid": _etag(data)}
                    for name, data in hub.files.items()
                ]
                self._send_json(rows)
            elif found := re.fullmatch(rf"{prefix}/me/tiny/resolve/(?:{COMMIT}|main)/(.+)", path):
                self._send_file(found[1])
            elif path in (f"/api/v1/{kind}/me/tiny/repo/tree", f"/api/v1/{kind}/me/tiny/repo/files"):
                rows = [
                    {"Type": "blob", "Path": name, "Name": name.rpartition("/")[2], "Size": len(data),
                     "Sha256": hashlib.sha256(data).hexdigest(), "Revision": COMMIT}
                    for name, data in hub.files.items()
                ]  # fmt: skip
                self._send_json(
                    {"Code": 200, "Success": True, "Data": {"Files": rows, "TotalCount": len(rows)}}
                )
            elif path.startswith(f"/api/v1/{kind}/me/tiny/repo/"):
                self._send_file(path.removeprefix(f"/api/v1/{kind}/me/tiny/repo/"))
            else:
                self._send(404, b"{}")

        def _send_file(self, name: str) -> None:
            data = hub.files[name]
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            start = int(asked[1]) if asked else 0
            headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            if asked:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            breaks = self.command == "GET" and name == hub.break_file
            if breaks:
                hub.break_file = ""
            self._send(206 if asked else 200, data[start:], headers, stop=hub.break_after if breaks else None)

        def _send_json(self, content: Any) -> None:
            self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

        def _send(
            self, status: int, body: bytes, headers: dict[str, str] | None = None, stop: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[:stop])
                self.wfile.flush()
            if stop is not None:
                while hub.stalls and not hub.is_over:
                    time.sleep(0.01)
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            hub.is_over = True
            server.shutdown()
            thread.join()


def _etag(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
