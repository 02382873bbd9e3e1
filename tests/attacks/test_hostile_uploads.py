"""Attacks on the app's files, from this machine: foreign files, other visitors' uploads, and floods."""

import os
import socket
import threading
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.visualize.app.app_engine import SIZE, KnownAnswers, make_asker, write_picture
from tests.visualize.app.app_requests import (
    DEADLINE,
    EVERYTHING,
    PHRASE,
    REGION,
    answer,
    join,
    named,
    until,
    upload,
)
from train.launch.command import free_port
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings
from visualize.app.uploads import stored_files

GONE = "no longer on the server"
REST = {EVERYTHING: [], PHRASE: ["cup"], REGION: ["20, 10, 100, 60", ""]}
"""What each question needs besides the picture."""


@pytest.fixture(scope="module")
def engine():
    return KnownAnswers()


@pytest.fixture(scope="module")
def url(engine):
    settings = AppSettings(port=free_port(), max_megabytes=0.5, max_megapixels=1)
    with served(make_asker(engine), settings, "a model", None) as address:
        yield address


@pytest.fixture
def content(tmp_path):
    return write_picture(tmp_path / "picture.png").read_bytes()


def questions(url, value, session):
    """Ask every question about a value in place of a picture, and yield status and outputs."""
    for number, rest in REST.items():
        response = join(url, [value, *rest], f"{session}{number}", number)
        yield response, answer(url, f"{session}{number}") if response.status_code == 200 else None


def test_an_upload_is_asked_about_and_its_answer_fetched(url, content):
    [path] = upload(url, content).json()
    for number, rest in REST.items():
        assert join(url, [named(path), *rest], "owner", number).status_code == 200
        outputs = answer(url, "owner")
        assert "1 object" in outputs[1]
    shown = httpx.get(f"{url}gradio_api/file={outputs[0]['path']}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")


@pytest.mark.parametrize("meta", [True, False])
@pytest.mark.parametrize(
    "kind", ["file", "missing", "relative", "link", "fifo", "folder", "dots", "url", "number"]
)
def test_no_other_file_is_opened_and_existing_ones_look_like_missing_ones(
    url, engine, content, tmp_path, kind, meta
):
    [own] = upload(url, content).json()
    secret = write_picture(tmp_path / "secret.png")
    (tmp_path / "link.png").symlink_to(secret)
    os.mkfifo(tmp_path / "fifo.png")
    path = {
        "file": str(secret), "missing": str(tmp_path / "none.png"), "relative": os.path.relpath(secret),
        "link": str(tmp_path / "link.png"), "fifo": str(tmp_path / "fifo.png"), "folder": str(tmp_path),
        "dots": f"{Path(own).parent}/../../../{secret.name}", "url": f"{url}gradio_api/app_id", "number": 7,
    }[kind]  # fmt: skip
    asked = len(engine.asked)
    value = {"path": path, **({"meta": {"_type": "gradio.FileData"}} if meta else {})}
    for response, _ in questions(url, value, f"thief {kind} {meta} "):
        assert response.status_code == 403
        assert response.text == "A request may only name files that were uploaded to this app."
    for api in ("run/everything", "api/everything", "call/everything", "call/v2/everything"):
        body = {"upload": value} if "v2" in api else {"data": [value], "fn_index": EVERYTHING}
        assert httpx.post(f"{url}gradio_api/{api}", json=body, timeout=DEADLINE).status_code == 403
    assert httpx.get(f"{url}gradio_api/file={path}", timeout=DEADLINE).status_code == 404
    assert len(engine.asked) == asked


def test_files_inside_the_folder_that_nobody_uploaded_are_not_opened(url, engine, content):
    [own] = upload(url, content).json()
    folder = Path(own).parent
    (folder / "link.png").symlink_to(own)
    os.mkfifo(folder / "fifo.png")
    (folder / "copy.png").write_bytes(content)
    asked = len(engine.asked)
    for path in (folder / "link.png", folder / "fifo.png", folder / "copy.png", folder, folder / "none.png"):
        for response, outputs in questions(url, named(path), f"thief {path.name} "):
            assert response.status_code == 200, (path, response.text)
            assert GONE in outputs[1]
        assert httpx.get(f"{url}gradio_api/file={path}", timeout=DEADLINE).status_code == 404
    assert len(engine.asked) == asked
    join(url, [named(own)], "owner of the folder")
    assert "1 object" in answer(url, "owner of the folder")[1]


def test_a_listed_upload_that_became_something_else_is_not_opened(url, content, tmp_path):
    secret = write_picture(tmp_path / "secret.png")
    replacements = (os.mkfifo, os.mkdir, lambda path: Path(path).symlink_to(secret))
    for number, replace in enumerate(replacements):
        [path] = upload(url, content).json()
        Path(path).unlink()
        replace(path)
        join(url, [{"path": path}], f"owner {number}")
        assert GONE in answer(url, f"owner {number}")[1]
        assert httpx.get(f"{url}gradio_api/file={path}", timeout=DEADLINE).status_code == 404


def test_another_sessions_upload_is_out_of_reach(url, engine, content):
    paths = [upload(url, content).json()[0] for _ in range(2)]
    assert paths[0] != paths[1]  # equal pictures of two visitors are two files
    assert len(Path(paths[0]).parts) == len(Path(paths[1]).parts)
    join(url, [named(paths[0])], "its owner")
    assert "1 object" in answer(url, "its owner")[1]
    asked = len(engine.asked)
    for response, outputs in questions(url, named(paths[0]), "not its owner "):
        assert response.status_code == 200
        assert GONE in outputs[1]
    assert len(engine.asked) == asked


@pytest.mark.parametrize(
    "value", ["x", 7, [], [1], {}, {"path": None}, {"url": "data:image/png;base64,AAAA"}]
)
def test_what_names_no_file_is_answered(url, engine, value):
    asked = len(engine.asked)
    for response, outputs in questions(url, value, f"odd {value}"):
        assert response.status_code in (200, 400)
        assert outputs is None if response.status_code == 400 else "Choose a picture" in outputs[1]
    assert len(engine.asked) == asked


def test_postscript_reaches_no_interpreter(url, engine):
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    [path] = upload(url, content).json()
    join(url, [named(path)], "postscript")
    assert "could not be read as a picture" in answer(url, "postscript")[1]


def test_html_is_saved_and_not_shown(url):
    [path] = upload(url, b"<script>alert(1)</script>", "x.html").json()
    sent = httpx.get(f"{url}gradio_api/file={path}")
    assert sent.headers["content-type"] == "application/octet-stream"
    assert sent.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ([("files", ("a.png", b"a")), ("files", ("b.png", b"b"))], 400),
        ([("other", ("a.png", b"a"))], 400),
        ([("files", (None, "text"))], 400),
        ([("files", ("a.png", bytes(600_000)))], 413),
    ],
)
def test_an_upload_is_one_file_within_the_limit_and_leaves_nothing_else(url, content, files, status):
    [own] = upload(url, content).json()
    folder = Path(own).parents[1].parent
    before = set(folder.iterdir())
    for query in ("", "?upload_id=abc"):
        sent = httpx.post(f"{url}gradio_api/upload{query}", files=files, timeout=DEADLINE)
        assert sent.status_code == status
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(("size", "status"), [(400_000, 200), (560_000, 413), (3_000_000, 413)])
def test_an_upload_that_does_not_say_its_size_is_limited_as_well(url, content, size, status):
    [own] = upload(url, content).json()
    folder = Path(own).parents[1].parent
    before = set(folder.iterdir())

    def chunks():
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        for _ in range(size // 10_000):
            yield bytes(10_000)
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    sent = httpx.post(f"{url}gradio_api/upload", content=chunks(), headers=headers, timeout=DEADLINE)
    assert sent.status_code == status
    assert len(set(folder.iterdir()) - before) == (1 if status == 200 else 0)


def raw_upload(url, length, content=b""):
    """Open a connection that announces an upload of so many bytes, and sends `content` of it."""
    host, port = url.removeprefix("http://").strip("/").split(":")
    connection = socket.create_connection((host, int(port)), timeout=DEADLINE)
    head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {length}\r\n"
    kind = 'Content-Type: multipart/form-data; boundary="x"\r\n\r\n'
    connection.sendall((head + kind).encode() + content)
    return connection


def test_uploads_that_are_being_received_are_limited_and_forgotten_when_broken_off(content, tmp_path):
    settings = AppSettings(port=free_port(), max_megabytes=0.5, receiving_megabytes=2.2)
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    with served(make_asker(KnownAnswers()), settings, "m", None) as url:
        [own] = upload(url, content).json()
        folder = Path(own).parents[1].parent
        slow = [raw_upload(url, 500_000, part) for _ in range(2)]
        until(lambda: len(list(folder.glob("*/*"))) == 3 + len(list(folder.glob("*/shapes*"))))
        refused = upload(url, bytes(400_000))
        assert refused.status_code == 429
        assert "a share of receiving_megabytes=2.2" in refused.text
        for connection in slow:
            connection.close()
        until(lambda: upload(url, bytes(400_000)).status_code == 200)


def test_what_a_visitor_and_all_visitors_store_is_limited(content):
    for key in ("visitor_megabytes", "stored_megabytes"):
        settings = AppSettings(port=free_port(), max_megabytes=0.5, **{key: 1.2})
        with served(make_asker(KnownAnswers()), settings, "m", None) as url:
            statuses = [upload(url, bytes(300_000)).status_code for _ in range(6)]
            assert statuses == [200, 200, 200, 429, 429, 429]
            assert f"{key}=1.2" in upload(url, bytes(300_000)).text


def test_the_files_of_a_closed_page_are_deleted(content, monkeypatch):
    monkeypatch.setattr(stored_files, "GRACE_SECONDS", 0.0)
    with served(make_asker(KnownAnswers()), AppSettings(port=free_port()), "m", None) as url:
        [path] = upload(url, content).json()
        [other] = upload(url, content).json()
        with httpx.stream("GET", f"{url}gradio_api/heartbeat/leaving", timeout=DEADLINE) as alive:
            beats = alive.iter_raw()
            next(beats)
            join(url, [named(path)], "leaving")
            drawn = answer(url, "leaving")[0]["path"]
            join(url, [named(other)], "staying")
            answer(url, "staying")
            assert Path(path).exists()
            assert Path(drawn).exists()
        until(lambda: not Path(path).exists() and not Path(drawn).exists())
        assert Path(other).exists()


def test_many_uploads_at_once_stay_within_the_limits(content):
    settings = AppSettings(port=free_port(), max_megabytes=0.5, visitor_megabytes=2, receiving_megabytes=1)
    statuses = []
    with served(make_asker(KnownAnswers()), settings, "m", None) as url:
        flood = [
            threading.Thread(target=lambda: statuses.append(upload(url, bytes(400_000)).status_code))
            for _ in range(16)
        ]
        for each in flood:
            each.start()
        for each in flood:
            each.join()
    assert set(statuses) <= {200, 429}
    assert 1 <= statuses.count(200) <= 4


def test_the_pixels_are_read_from_the_header(url, tmp_path):
    Image.new("L", (1001, 1000)).save(tmp_path / "large.png")
    [path] = upload(url, (tmp_path / "large.png").read_bytes()).json()
    join(url, [named(path)], "large")
    assert "more than 1 million pixels" in answer(url, "large")[1]
    assert SIZE[0] * SIZE[1] < 1_000_000
