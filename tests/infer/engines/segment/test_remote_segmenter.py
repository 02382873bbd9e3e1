"""The client asks real workers, and servers that are none."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box
from grounding.errors import UserError
from infer.engines.segment.grabcut_segmenter import GrabCutSegmenter
from infer.engines.segment.mask_request import OneByOne, digest_of
from infer.engines.segment.remote_segmenter import MASKS_KEY_VARIABLE, RemoteSegmenter
from infer.engines.segment.segmenter import Click, MaskPrompt
from infer.engines.segment.segmenter_settings import SegmenterSettings
from tests.infer.engines.segment.drawn_shapes import drawn_shapes
from tests.infer.serve_masks.running_worker import Counting, running_worker

KEY = "not-to-be-guessed"
PICTURE = Image.new("RGB", (20, 10))
PROMPT = MaskPrompt(box=Box(1, 2, 6, 8))


def client(url: str, **settings: float) -> RemoteSegmenter:
    return RemoteSegmenter(SegmenterSettings(backend=url, **settings))  # type: ignore[arg-type]


def test_a_worker_gives_the_masks_of_its_backend() -> None:
    with running_worker(OneByOne(GrabCutSegmenter())) as worker:
        remote = client(worker.url + "/")
        for shape in drawn_shapes(2):
            prompt = MaskPrompt((shape.click, Click(0, 0, False)))
            (found,) = remote.segment(shape.picture, prompt)
            (expected,) = GrabCutSegmenter().segment(shape.picture, prompt)
            assert np.array_equal(found.mask, expected.mask)
            assert found.score is None


def test_a_picture_is_sent_once_and_again_where_it_was_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Counting()
    backend.go.set()
    with running_worker(backend) as worker:
        remote = client(worker.url)
        sent: list[str] = []
        post = remote._post
        monkeypatch.setattr(remote, "_post", lambda body: sent.append(*body["picture"]) or post(body))
        remote.segment(PICTURE, PROMPT)
        remote.segment(PICTURE.copy(), PROMPT)
        assert sent == ["png", "digest"]
        worker.server.pictures.clear()
        remote.segment(PICTURE, PROMPT)
        assert sent[2:] == ["digest", "png"]
    assert backend.batches == [[digest_of(PICTURE)]] * 3


def test_the_key_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_worker(api_key=KEY) as worker:
        with pytest.raises(UserError, match=f"HTTP 401, the API key .* {MASKS_KEY_VARIABLE} to the worker's"):
            client(worker.url).segment(PICTURE, PROMPT)
        monkeypatch.setenv(MASKS_KEY_VARIABLE, KEY)
        assert client(worker.url).segment(PICTURE, PROMPT)[0].mask.any()


def test_a_key_that_cannot_be_sent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MASKS_KEY_VARIABLE, "two words")
    with pytest.raises(UserError, match="the key has blanks"):
        client("http://127.0.0.1:1")


def test_a_refusal_of_the_backend_is_one_line() -> None:
    with (
        running_worker() as worker,
        pytest.raises(UserError, match="HTTP 400, backend=box: a click has no"),
    ):
        client(worker.url).segment(PICTURE, MaskPrompt((Click(1, 1),)))


def test_a_click_outside_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(UserError, match="outside of the picture of 20x10"):
        client("http://127.0.0.1:1").segment(PICTURE, MaskPrompt((Click(20, 1),)))


def test_no_worker_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(UserError, match=r"no connection \(.*\): is the worker running\?"):
        client(f"http://127.0.0.1:{port}").segment(PICTURE, PROMPT)


@contextmanager
def answering(*answers: tuple[int, bytes], **headers: str) -> Iterator[tuple[str, list[int]]]:
    """Run a server that gives these answers in turn, the last one for ever; and count its requests."""
    counted: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, content = answers[min(len(counted), len(answers) - 1)]
            counted.append(status)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", counted
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, b"<html>"), r"none about masks \(no JSON\): does python -m infer.serve_masks listen there"),
        ((200, b"\xff"), "no JSON"),
        ((200, b'{"masks": 3}'), "no list of 1 to"),
        ((404, b'{"error": {"message": "where?"}}'), "HTTP 404, where?"),
        ((500, b"\x1b[31m"), "HTTP 500, no message"),
        ((404, b'{"error": "x"}'), "HTTP 404, no message"),
        ((400, json.dumps({"error": {"message": "a\x1b[2Jb"}}).encode()), r"HTTP 400, a\\x1b\[2Jb"),
    ],
)
def test_another_server_is_one_line(answer: tuple[int, bytes], message: str) -> None:
    with answering(answer) as (url, _), pytest.raises(UserError, match=message):
        client(url).segment(PICTURE, PROMPT)


def test_a_redirect_elsewhere_gets_no_picture() -> None:
    with (
        answering((307, b""), Location="http://evil.example/v1/masks") as (url, _),
        pytest.raises(UserError, match=r"neither key nor image: set backend to it"),
    ):
        client(url).segment(PICTURE, PROMPT)


def test_a_busy_worker_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infer.engines.segment.remote_segmenter.FIRST_PAUSE", 0.001)
    from infer.engines.segment.mask_messages import answer_body
    from infer.engines.segment.segmenter import ScoredMask

    mask = np.ones((10, 20), dtype=np.bool_)
    good = json.dumps(answer_body([ScoredMask(mask, 0.5)])).encode()
    with answering((503, b"{}"), (429, b"{}"), (200, good)) as (url, counted):
        (found,) = client(url).segment(PICTURE, PROMPT)
    assert found.score == 0.5
    assert counted == [503, 429, 200]
    with answering((503, b"{}")) as (url, counted):
        with pytest.raises(UserError, match="HTTP 503"):
            client(url, retries=2).segment(PICTURE, PROMPT)
        assert len(counted) == 3


def test_an_answer_in_too_long_a_time_is_one_line() -> None:
    with (
        running_worker(Counting()) as worker,
        pytest.raises(UserError, match=r"no mask within 0\.2 s: raise timeout"),
    ):
        client(worker.url, timeout=0.2).segment(PICTURE, PROMPT)
