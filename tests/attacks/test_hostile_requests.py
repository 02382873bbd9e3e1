"""What strangers send to `infer.serve`: pages of others, bodies of all kinds, and images that are none."""

import io
import json
import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from PIL import EpsImagePlugin, Image

from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.prompt_limit import PromptLimit
from infer.engines.settings import EngineSettings
from models.qwen3_vl.encoding import PromptEncoder
from tests.infer.conftest import write_model
from tests.infer.serve.running_server import PIXEL, Running, chat_body, head, read_response, running

MEGABYTE = 1 << 20


def png_of(width: int, height: int) -> bytes:
    """Return the head of a PNG that claims these pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_too_large_a_body_is_refused_with_the_number() -> None:
    with running(max_megabytes=1) as server:
        status, text = server.send(b" " * (MEGABYTE + 1))
        assert (status, "larger than 1 MB (max_megabytes)" in text) == (413, True)
        with server.connect() as connection:
            connection.sendall(head(server.port, length=10**12))
            assert read_response(connection)[0] == 413
        with server.connect() as connection:  # no length is declared
            fields = {"Content_Length": "", "Transfer_Encoding": "chunked"}
            piece = b"%x\r\n%s\r\n" % (1 << 19, b" " * (1 << 19))
            connection.sendall(head(server.port, length=0, **fields) + 3 * piece + b"0\r\n\r\n")
            assert read_response(connection)[0] == 413


def test_a_body_that_takes_too_long_is_refused() -> None:
    with running(body_seconds=0.2) as server, server.connect() as connection:
        connection.sendall(head(server.port, length=100) + b"{")
        status, text = read_response(connection)
    assert status == 408
    assert "the body did not arrive within 0.2 s (body_seconds)" in text


def test_the_sum_of_what_is_read_and_waits_has_a_limit() -> None:
    with running(max_megabytes=1, max_inflight_megabytes=1) as server, ExitStack() as held:
        body = chat_body(PIXEL + bytes(MEGABYTE // 2))
        uploading = held.enter_context(server.connect())
        uploading.sendall(head(server.port, length=len(body)) + body[:-1])
        server.wait_for_bytes(len(body) - 1)
        status, text = server.send(body)
        assert status == 429
        assert "have 1 MB already (max_inflight_megabytes)" in text
        assert "retry-after: 1" in text.lower()
        assert server.send(chat_body())[0] == 200  # a small one still fits
        server.engine.go.clear()
        uploading.sendall(body[-1:])
        assert server.send(body)[0] == 429  # it waits for its answer
        server.engine.go.set()
        assert read_response(uploading)[0] == 200
        assert server.send(body)[0] == 200


def test_an_upload_that_is_given_up_is_no_fault_and_gives_its_bytes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    with running(max_megabytes=1, max_inflight_megabytes=1) as server:
        body = chat_body(PIXEL + bytes(MEGABYTE // 2))
        for _ in range(5):
            with server.connect() as connection:
                connection.sendall(head(server.port, length=len(body)) + body[:-1])
                server.wait_for_bytes(len(body) - 1)
            server.wait_for_bytes(0)
        assert server.send(body)[0] == 200
    assert [record.message for record in caplog.records] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"\xff\xfe{\x00}\x00", "the body is not JSON"),
        (chat_body(text="half \ud83d a pair"), "the body is not JSON"),
        (chat_body().replace(b"Where?", b"\xed\xa0\x80"), "the body is not JSON"),
        (chat_body(model="\udc80"), "the body is not JSON"),
        (
            chat_body(max_tokens=0).replace(b"0}", b"9" * 5000 + b"}"),
            "the body is not JSON: number out of range",
        ),
    ],
)
def test_a_body_that_is_no_json_of_unicode_texts_is_refused(body: bytes, message: str) -> None:
    with running() as server:
        status, text = server.send(body)
    assert status == 400
    assert message in text


@pytest.mark.parametrize(
    ("width", "height", "status", "message"),
    [
        (2000, 1000, 200, ""),
        (2001, 1000, 413, "megapixels, and may have 2 (max_megapixels): shrink it"),
        (13_000, 13_000, 413, "the image has 169 megapixels, and may have 2"),
        (60_000, 60_000, 413, "the image: "),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pixels_are_counted_before_they_are_decoded(
    width: int, height: int, status: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    with running(max_megapixels=2) as server:
        given, text = server.send(chat_body(png_of(width, height)))
    assert given == status, text
    assert message in text


@pytest.mark.parametrize(
    ("images", "status", "message"),
    [
        ([PIXEL] * 3, 200, ""),
        ([PIXEL] * 4, 413, "the request has 4 images, and may have 3 (max_images): show fewer"),
        ([PIXEL] * 4000, 413, "the request has 4000 images, and may have 3"),
        ([png_of(800, 1000)] * 3, 413, "the images have 2 megapixels together, and may have 2"),
        ([PIXEL, png_of(60_000, 60_000)], 413, "image 2: "),
    ],
    ids=["few", "one more", "thousands", "large together", "a bomb"],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_many_images_are_refused_before_they_are_decoded(
    images: list[bytes], status: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    body = json.loads(chat_body())
    (turn,) = body["messages"]
    turn["content"] = [json.loads(chat_body(each))["messages"][0]["content"][0] for each in images]
    with running(max_megapixels=2, max_images=3) as server:
        given, text = server.send(json.dumps(body).encode())
    assert given == status, text
    assert message in text


def test_pictures_of_too_many_tokens_are_refused_one_by_one(
    real: Running, engine: PaddleEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ones are too many already: the others are not read."""
    monkeypatch.setattr(engine, "prompt_limit", PromptLimit(1000, 4096))
    parts = []
    for number in range(16):
        file = io.BytesIO()
        Image.new("L", (640, 640), number).save(file, "PNG")
        parts.append(json.loads(chat_body(file.getvalue()))["messages"][0]["content"][0])
    read: list[Any] = []
    encode = PromptEncoder.encode_image
    monkeypatch.setattr(
        PromptEncoder, "encode_image", lambda self, image: (read.append(image), encode(self, image))[1]
    )
    body = json.loads(chat_body())
    body["messages"][0]["content"] = parts
    status, text = real.send(json.dumps(body).encode())
    assert status == 400
    assert "tokens, and the prompt may have" in text
    assert "(max_prompt_tokens): shrink them, or show fewer" in text
    assert 1 < len(read) < len(parts)


@pytest.mark.parametrize("name", ["EPS", "PPM", "PCX", "PDF"])
def test_other_formats_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was called"))
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, name)
    with running() as server:
        status, text = server.send(chat_body(file.getvalue()))
    assert status == 400
    assert "the image: not usable as an image (JPEG, PNG, WEBP, BMP, GIF, TIFF)" in text


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Host": "localhost:8008"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:8008"}, 200),
        ({"Host": "proxy.example"}, 200),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1.rebound.example"}, 403),
        ({"Host": "localhost@rebound.example"}, 403),
        ({"Host": "0.0.0.0"}, 403),
        ({"Host": "[not an address"}, 403),
        ({"Origin": "http://localhost:8008", "Host": "localhost:8008"}, 200),
        ({"Origin": "https://proxy.example"}, 200),
        ({"Origin": "http://localhost:3000", "Host": "localhost:8008"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "Application/JSON; charset=utf-8"}, 200),
    ],
)
def test_pages_of_strangers_get_no_answer(headers: dict[str, str], expected: int) -> None:
    with running(allowed_hosts=["proxy.example"]) as server:
        status, text = server.send(
            chat_body(), **{name.replace("-", "_"): value for name, value in headers.items()}
        )
    assert status == expected, text
    assert "access-control" not in text.lower()
    if expected != 200:
        assert '"type":"invalid_request_error"' in text


def test_every_path_checks_its_source() -> None:
    with running() as server:
        for path in ("/health", "/v1/models"):
            assert server.send(b"", path=path, Host="rebound.example")[0] == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "x" * MEGABYTE},
        {"model": {"a": [1] * 10_000}},
        {"messages": [{"role": "r" * MEGABYTE}]},
        {"messages": [{"role": "user", "content": [{"type": "t" * MEGABYTE}]}]},
    ],
    ids=["model", "nested model", "role", "type"],
)
def test_an_error_repeats_little_of_the_request(fields: dict[str, Any]) -> None:
    with running() as server:
        status, text = server.send(chat_body(**fields))
    assert status in (400, 404)
    assert len(text) < 1000


def test_a_path_is_served_as_it_stands_or_not_at_all() -> None:
    with running() as server:
        for path in ("/", "/docs", "/redoc", "/openapi.json", "/v1/chat/completions/", "/v1/models/", "/%00"):
            status, text = server.send(b"", path=path)
            assert (status, "location" in text.lower()) == (404, False)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> PaddleEngine:
    folder = write_model(tmp_path_factory.mktemp("model") / "tiny", "seed=1")
    return PaddleEngine(EngineSettings(checkpoint=str(folder), device="cpu", max_new_tokens=2))


@pytest.fixture(scope="module")
def real(engine: PaddleEngine) -> Iterator[Running]:
    """A server over a model, with the limits of its prompts."""
    check = engine.limit_prompts(None).check_text
    with running(engine=engine, check=check) as server:
        yield server


@pytest.mark.parametrize(
    "words", ["<|image_pad|>", "<|video_pad|>", "a1" * 40_000, "\N{GRINNING FACE}" * 30_000]
)
@pytest.mark.parametrize("role", ["system", "user"])
def test_a_text_that_would_break_the_model_or_its_memory_is_refused(
    real: Running, words: str, role: str
) -> None:
    body = json.loads(chat_body(text=words if role == "user" else "Where?"))
    if role == "system":
        body["messages"].insert(0, {"role": "system", "content": words})
    status, text = real.send(json.dumps(body).encode())
    assert status == 400
    assert f"the {role} message has {words} in its text" in text or "(max_prompt_tokens)" in text


@pytest.mark.parametrize(
    "words", ["", " ", "\0", "<|im_end|>", "<|im_start|>system\n", "<|endoftext|>", "\u202e", "\ufffe"]
)
def test_a_strange_text_is_answered(real: Running, words: str) -> None:
    assert real.send(chat_body(text=words))[0] == 200


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1)])
def test_a_strange_image_is_answered_or_refused(real: Running, size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    assert real.send(chat_body(file.getvalue()))[0] in (200, 400)


@pytest.mark.parametrize("content", [b"", b"<html>", PIXEL[:20]])
def test_what_is_no_image_is_refused_without_words_about_memory(content: bytes) -> None:
    with running() as server:
        status, text = server.send(chat_body(content))
    assert status == 400
    assert "the image: not usable as an image" in text
    assert "object at 0x" not in text
