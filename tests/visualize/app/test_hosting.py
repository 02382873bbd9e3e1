"""The served page, as programs see it: gradio_client and plain requests."""

import logging
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from types import SimpleNamespace

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from grounding.errors import UserError
from tests.infer.conftest import write_dataset
from tests.infer.several_pictures import join_questions
from tests.visualize.app.app_engine import RAW, KnownAnswers, make_asker, write_picture
from train.launch.command import free_port
from visualize.app import hosting
from visualize.app.access.security_headers import HEADERS
from visualize.app.examples import find_examples
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings

CLIENTS = 10
DEADLINE = 300
"""Seconds after which a request counts as hanging; a busy machine takes long."""

EVERYTHING = 1
"""Gradio's number of the question about everything."""

PASSWORD = "correct horse"
DRAWN, WORDS, RAW_ANSWER, VERIFIED = 0, 1, 2, 3
"""What a question returns; what is kept for the verify button stays on the server."""


@pytest.fixture(scope="module")
def engine():
    return KnownAnswers(seconds=0.05)


@pytest.fixture(scope="module")
def url(engine):
    settings = AppSettings(port=free_port(), max_megabytes=0.5, max_megapixels=1)
    with served(make_asker(engine), settings, "a model", None) as address:
        yield address


@pytest.fixture
def picture(tmp_path):
    return handle_file(write_picture(tmp_path / "picture.png"))


def connect(url, **options):
    return Client(url, verbose=False, httpx_kwargs={"timeout": DEADLINE}, **options)


def test_ten_clients_at_once_are_answered_one_after_the_other(url, engine, picture):
    engine.most_busy = 0

    def ask(number):
        return connect(url).predict(picture, f"cup {number}", api_name="/phrase")

    with ThreadPoolExecutor(CLIENTS) as threads:
        answers = list(threads.map(ask, range(CLIENTS)))
    assert all("1 object in" in answer[WORDS] for answer in answers)
    assert [f"cup {number}" in answer[WORDS] for number, answer in enumerate(answers)] == [True] * CLIENTS
    assert engine.most_busy == 1


def test_as_many_are_asked_at_once_as_the_settings_say(picture):
    engine = KnownAnswers(seconds=0.2, together=3)
    asker = make_asker(engine)
    asker = type(asker)(engine, asker.settings, asker.wordings, BoundedSemaphore(3))
    with served(asker, AppSettings(port=free_port(), concurrent=3), "m", None) as url:
        clients = [connect(url) for _ in range(6)]
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(lambda client: client.predict(picture, api_name="/everything"), clients))
    assert engine.most_busy == 3


def test_an_answer_is_verified(url, picture):
    client = connect(url)
    assert "Ask something first" in client.predict(api_name="/verify")
    client.predict(picture, api_name="/everything")
    assert "mean IoU of 1.00" in client.predict(api_name="/verify")


def test_a_region_is_asked_about(url, picture):
    answer = connect(url).predict(picture, "20, 10, 100, 60", "", api_name="/region")
    assert "with yours: 1.00" in answer[WORDS]
    assert "four numbers" in connect(url).predict(picture, "20, 10", "", api_name="/region")[WORDS]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"hello", "could not be read as a picture"),
        ((2000, 2000), "more than 1 million pixels"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(url, tmp_path, content, sentence):
    path = tmp_path / "x.png"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        from PIL import Image

        Image.new("L", content).save(path)
    answer = connect(url).predict(handle_file(path), api_name="/everything")
    assert answer[DRAWN] is None
    assert sentence in answer[WORDS]
    assert 'role="alert"' in answer[WORDS]


def test_no_picture_and_no_phrase_are_said(url, picture):
    assert "Choose a picture" in connect(url).predict(None, api_name="/everything")[WORDS]
    assert "Say what to look for" in connect(url).predict(picture, " ", api_name="/phrase")[WORDS]


def test_an_engine_that_fails_is_a_sentence_and_the_next_question_is_answered(url, engine, picture):
    before, engine.text = engine.text, "fail"
    answer = connect(url).predict(picture, api_name="/everything")
    assert "The model failed (RuntimeError)" in answer[WORDS]
    assert "0x1234" not in answer[WORDS]
    engine.text = before
    assert "1 object" in connect(url).predict(picture, api_name="/everything")[WORDS]


def test_a_file_that_is_too_large_is_refused_at_the_door(url):
    files = {"files": ("large.png", bytes(2_000_000), "image/png")}
    refused = httpx.post(f"{url}gradio_api/upload", files=files)
    assert refused.status_code == 413


def test_files_of_the_server_are_not_read(url):
    path = str(Path(__file__).resolve())
    assert httpx.get(f"{url}gradio_api/file={path}").status_code in (403, 404)
    stolen = {"path": path, "meta": {"_type": "gradio.FileData"}}
    asked = {"data": [stolen], "fn_index": EVERYTHING, "session_hash": "thief"}
    refused = httpx.post(f"{url}gradio_api/queue/join", json=asked)
    assert (refused.status_code, "uploaded to this app" in refused.text) == (403, True)


def test_the_browser_is_told_to_fetch_from_here_alone(url):
    headers = httpx.get(url).headers
    for name, value in HEADERS.items():
        assert headers[name] == value


def test_with_a_password_nothing_is_shown_without_it(picture):
    with served(make_asker(KnownAnswers()), AppSettings(port=free_port()), "m", PASSWORD) as url:
        assert httpx.get(f"{url}config").status_code == 401
        assert httpx.post(f"{url}gradio_api/upload", files={"files": b"x"}).status_code == 401
        for word in ("wrong", ""):
            given = {"username": "a", "password": word}
            assert httpx.post(f"{url}login", data=given).status_code in (400, 422)
        client = connect(url, auth=("anybody", PASSWORD))
        assert "1 object" in client.predict(picture, api_name="/everything")[WORDS]


def test_the_start_says_where_the_page_is_and_who_can_reach_it(caplog, monkeypatch):
    class Stopped:
        def wait(self):
            assert httpx.get(caplog.messages[-1].split()[0]).status_code == 200

    monkeypatch.setattr(hosting, "threading", SimpleNamespace(Event=Stopped))
    monkeypatch.setattr(hosting, "signal", SimpleNamespace(SIGINT=2, SIGTERM=15, signal=lambda *_: None))
    with caplog.at_level(logging.INFO, logger=hosting.__name__):
        hosting.serve_page(make_asker(KnownAnswers()), AppSettings(port=free_port()), "the model", None)
    assert "without a password; not to other machines" in caplog.text
    assert "visitors can ask the model about" in caplog.text


def test_uploads_are_deleted_when_the_page_closes(picture, tmp_path, monkeypatch):
    folders = tmp_path / "temporary"  # of this test alone: others serve pages at the same time
    folders.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders))
    with served(make_asker(KnownAnswers()), AppSettings(port=free_port()), "m", None) as url:
        connect(url).predict(picture, api_name="/everything")
        (folder,) = folders.glob("grounding_app_*")
        assert any(path.name.startswith("picture") for path in folder.rglob("*.png"))
    assert list(folders.glob("grounding_app_*")) == []


def test_a_taken_port_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = AppSettings(port=taken.getsockname()[1])
        with (
            pytest.raises(UserError, match="set another port="),
            served(make_asker(KnownAnswers()), settings, "m", None),
        ):
            pass


def test_pictures_of_one_question_are_bounded_together_and_have_no_gap(url, engine, tmp_path):
    """The page's own function takes as many as max_pictures, and together the pixels of one."""
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    Image.new("RGB", (800, 700)).save(large)
    Image.new("RGB", (60, 80)).save(small)
    client, before = connect(url), engine.text

    def ask(*files):
        filled = [None if file is None else handle_file(file) for file in files]
        return client.predict(*filled, *[None] * (4 - len(files)), api_name="/everything_in_all")

    engine.text = f"Image 1: {RAW}\nImage 2: {RAW}"
    try:
        found = ask(large, small)
        assert "2 objects in" in found[WORDS]
        assert "Image 2" in found[WORDS]
        assert [picture.size for picture in engine.pictures[-2:]] == [(800, 700), (60, 80)]
        assert "1.00" in client.predict(api_name="/verify")
        asked = len(engine.asked)
        assert "more than 1 million pixels together" in ask(small, large, large)[WORDS]
        assert "Image 2 is empty" in ask(small, None, small)[WORDS]
        assert "Image 1 is empty" in ask(None, small)[WORDS]
        assert "Choose a picture first" in ask(None)[WORDS]
        assert len(engine.asked) == asked
        many = httpx.post(f"{url}gradio_api/call/everything_in_all", json={"data": [None] * 5})
        assert many.status_code == 400
    finally:
        engine.text = before


def test_questions_with_several_pictures_are_examples(tmp_path):
    """The first questions of the validation split, each with all its pictures."""
    dataset = write_dataset(tmp_path / "data").path
    join_questions(dataset)
    found = find_examples(dataset, tmp_path, 3)
    assert [[path.name[4:6] for path in shown] for shown in found] == [
        ["01", "02"],
        ["03", "04", "05"],
        ["06"],
        ["07"],
    ]
    assert [len(shown) for shown in find_examples(dataset, tmp_path, 2)] == [2, 1, 1]
    with served(make_asker(KnownAnswers(), dataset), AppSettings(port=free_port()), "m", None) as address:
        config = httpx.get(f"{address}config").json()
    (listed,) = [each for each in config["components"] if each["type"] == "dataset"]
    assert [sum(cell is not None for cell in row) for row in listed["props"]["samples"]] == [2, 3, 1, 1]
