"""A checkpoint behind `python -m infer.serve` as a child process, as prepare does not import infer."""

import ctypes
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tqdm import tqdm

from grounding.errors import USER_ERROR_EXIT_CODE, UserError
from prepare.replay.replay_question import BASE
from prepare.replay.replay_settings import ReplaySettings

ROOT = Path(__file__).parents[2]
KEY_VARIABLE = "SERVE_API_KEY"
LOOPBACK = "127.0.0.1"
PAUSE = 0.5
"""Seconds between two looks whether the server answers."""

SECONDS_TO_END = 20.0
"""After these, a server that was told to end is killed."""

_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl: without it, the server of a killed run would keep its memory."""

log = logging.getLogger(__name__)


@contextmanager
def served_checkpoint(checkpoint: str, settings: ReplaySettings, log_file: Path) -> Iterator[tuple[str, str]]:
    """Serve a checkpoint while the block runs, and yield the server's address and key.

    The server listens on loopback alone, to the owner of a key that nobody else has. What it prints goes into
    the log file.

    Raises:
        UserError: it ends before it answers; the message is its own.
    """
    port, key = _free_port(), secrets.token_hex(16)
    log.info("serving %s for these questions: %s", checkpoint, log_file)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("wb") as output, _without_proxy():
        child = _start(checkpoint, settings, port, key, output)
        try:
            _wait_for_answer(child, port, checkpoint, log_file)
            yield f"http://{LOOPBACK}:{port}/v1", key
        finally:
            _end(child)


def _start(
    checkpoint: str, settings: ReplaySettings, port: int, key: str, output: IO[bytes]
) -> "subprocess.Popen[bytes]":
    own = {"batch_size": settings.concurrency, **settings.serve}
    words = [f"{name}={'null' if value is None else value}" for name, value in own.items()]
    command = [
        *(sys.executable, "-m", "infer.serve", checkpoint, f"port={port}", f"model={BASE}"),
        *(f"max_new_tokens={settings.max_new_tokens}", *words),
    ]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": paths, KEY_VARIABLE: key},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def _wait_for_answer(child: "subprocess.Popen[bytes]", port: int, checkpoint: str, log_file: Path) -> None:
    start = time.monotonic()
    with tqdm(desc="loading the model", unit="s", bar_format="{desc}: {n:.0f} s", delay=2) as bar:
        while not _answers(port):
            if child.poll() is not None:
                said = _last_line(log_file)
                if child.returncode == USER_ERROR_EXIT_CODE:
                    raise UserError(said)
                raise UserError(f"{checkpoint}: cannot be served: {said}: see {log_file}")
            time.sleep(PAUSE)
            bar.update(time.monotonic() - start - bar.n)


def _answers(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), opener.open(f"http://{LOOPBACK}:{port}/health", timeout=5) as response:
        return bool(response.status == 200)
    return False


def _last_line(log_file: Path) -> str:
    lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return (lines[-1] if lines else "it ended without a word").removeprefix("error: ")


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _without_proxy() -> Iterator[None]:
    """Let requests to the server of this machine go past the proxies of the environment."""
    before = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
    known = next((value for value in before.values() if value), "")
    for name in before:
        os.environ[name] = ",".join(filter(None, (known, LOOPBACK)))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
