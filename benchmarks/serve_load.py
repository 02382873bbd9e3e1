"""`python benchmarks/serve_load.py [CHECKPOINT]`: does the server's memory stay bounded under load?

Starts `python -m infer.serve` on loopback with its default limits and a random tiny model (or CHECKPOINT),
sends what an honest client does not, and prints for each load the responses by status and the peak memory of
the server's process. After each load an ordinary question must be answered. Exit code 1 if the memory exceeds
the bound, or an ordinary question fails.
"""

import argparse
import base64
import io
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx
from PIL import Image

MEGABYTE = 1 << 20
BOUND = 3072
"""Megabytes. Idle it has 400 with the tiny model. The largest load is 512 MB in flight, then an image of 100
megapixels with about 12 bytes a pixel; a prompt of 4,096 tokens has 256 MB of scores at a time."""

HALF_OPEN = 1100
"""Connections that never ask, more than the usual limit of 1,024 open files."""

PATIENCE = 300.0
"""Seconds to wait for a response."""


@dataclass(frozen=True)
class Server:
    """The process of the server, and its address."""

    process: "subprocess.Popen[str]"
    port: int
    client: httpx.Client

    def ask(self, text: str, image: str, *, padding: int = 0) -> str:
        """Send a question, and return its status or the error that there was instead of a response."""
        parts = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": text}]
        body = {"model": "m", "messages": [{"role": "user", "content": parts}], "padding": " " * padding}
        try:
            return str(self.client.post("/v1/chat/completions", json=body).status_code)
        except httpx.HTTPError as error:
            return type(error).__name__

    def send(self, body: bytes) -> str:
        """Send a body as it stands, and return the status or error."""
        try:
            headers = {"Content-Type": "application/json"}
            return str(self.client.post("/v1/chat/completions", content=body, headers=headers).status_code)
        except httpx.HTTPError as error:
            return type(error).__name__

    def peak_megabytes(self) -> int:
        """Return the peak of the memory since the last call, and start to count anew."""
        proc = Path(f"/proc/{self.process.pid}")
        (line,) = re.findall(r"VmHWM:\s+(\d+) kB", (proc / "status").read_text())
        (proc / "clear_refs").write_text("5")
        return int(line) // 1024


@contextmanager
def running(checkpoint: Path, words: list[str]) -> Iterator[Server]:
    """Run the server until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "infer.serve", str(checkpoint), f"port={port}", "model=m", *words]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for _ in range(3):
            print(process.stderr.readline(), end="")
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=0)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, limits=limits) as client:
            yield Server(process, port, client)
    finally:
        process.terminate()
        process.wait()


def picture(side: int) -> str:
    """Return a black PNG with so many pixels a side, which is small, as a data URL."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def at_once(count: int, ask: Callable[[], str]) -> "Counter[str]":
    """Count the outcomes of one question that many clients ask at a time."""
    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(lambda _: ask(), range(count)))


def half_open(server: Server, image: str) -> "Counter[str]":
    """Hold connections that never ask, and ask meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = hard if hard != resource.RLIM_INFINITY else 1 << 16
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(allowed, HALF_OPEN + 300)), hard))
    with ExitStack() as held:
        for _ in range(min(HALF_OPEN, allowed - 300)):
            held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
        return at_once(8, lambda: server.ask("Where?", image))


def held_bodies(server: Server, count: int, size: int) -> "Counter[str]":
    """Send bodies but for their last byte, hold them, and count those that are refused."""
    body = b'{"model": "m", "padding": "' + b" " * (size - 29) + b'"}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: application/json\r\n\r\n"
    outcomes: Counter[str] = Counter()
    with ExitStack() as held:
        for _ in range(count):
            connection = held.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
            )
            connection.sendall(head.encode() + body[:-1])
            connection.settimeout(0.5)
            try:
                outcomes[connection.recv(1 << 16).split()[1].decode()] += 1
            except TimeoutError:
                outcomes["held"] += 1
    return outcomes


def loads(server: Server, small: str) -> Iterator[tuple[str, Callable[[], "Counter[str]"]]]:
    """Yield each load with its name."""
    yield "50 ordinary questions", lambda: at_once(50, lambda: server.ask("Where is it?", small))
    yield "8 prompts of 3,900 tokens", lambda: at_once(8, lambda: server.ask("a1" * 1900, small))
    yield "8 texts of 80 KB", lambda: at_once(8, lambda: server.ask("a1" * 40_000, small))
    wide = "a1" * 14_000_000 + "\N{GRINNING FACE}"  # Python holds each character in four bytes
    yield "16 texts of 28 MB", lambda: at_once(16, lambda: server.ask(wide, small))
    lists = b'{"model": "m", "padding": [' + b"[]," * 10_000_000 + b"[]]}"  # Python's have 56 bytes each
    yield "16 bodies of 10 million lists", lambda: at_once(16, lambda: server.send(lists))
    for side in (13_000, 9900):
        large = picture(side)
        yield (
            f"4 images of {side * side // 1_000_000} megapixels",
            partial(at_once, 4, partial(server.ask, "Where?", large)),
        )
    yield (
        "40 bodies of 29 MB",
        lambda: at_once(40, lambda: server.ask("Where?", small, padding=29 * MEGABYTE)),
    )
    yield "40 bodies of 29 MB, held", lambda: held_bodies(server, 40, 29 * MEGABYTE)
    yield "4 bodies of 40 MB", lambda: at_once(4, lambda: server.ask("Where?", small, padding=40 * MEGABYTE))
    yield f"{HALF_OPEN} half-open connections", lambda: half_open(server, small)


def main() -> int:
    """Run the loads one after the other, and compare their peaks with the bound."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "checkpoint", nargs="?", type=Path, help="model folder (default: a random tiny model)"
    )
    parser.add_argument("--bound", type=int, default=BOUND, help=f"megabytes (default: {BOUND})")
    options = parser.parse_args()
    highest, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = options.checkpoint or Path(folder) / "tiny"
        if options.checkpoint is None:
            command = [sys.executable, "-m", "train.tiny", str(checkpoint), "seed=1"]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ)
        with running(checkpoint, ["max_new_tokens=32"]) as server:
            small = picture(64)
            server.ask("Where?", small)
            print(f"{'load':<34}{'peak MB':>8}  responses")
            print(f"{'one question':<34}{server.peak_megabytes():>8}")
            for name, run in loads(server, small):
                statuses = json.dumps(dict(sorted(run().items())))
                peak = server.peak_megabytes()
                highest = max(highest, peak)
                after = server.ask("Where?", small)
                failed += after != "200"
                print(f"{name:<34}{peak:>8}  {statuses}, then {after}", flush=True)
    print(f"highest peak: {highest} MB, bound: {options.bound} MB; {failed} ordinary questions failed")
    return int(highest > options.bound or failed > 0)


if __name__ == "__main__":
    sys.exit(main())
