"""The tab to click and talk, as programs see it: gradio_client, several visitors at once."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.visualize.app.app_engine import BOX, SIZE, make_asker, write_picture
from tests.visualize.app.talk.talk_engine import NamingColours
from train.launch.command import free_port
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings

DRAWN, WORDS, RAW_ANSWER = 0, 1, 2
VISITORS = 10
DEADLINE = 300
"""Seconds after which a request counts as hanging; a busy machine takes long."""


@pytest.fixture(scope="module")
def engine():
    return NamingColours("red square")


@pytest.fixture(scope="module")
def talks(tmp_path_factory):
    return tmp_path_factory.mktemp("talks")


@pytest.fixture(scope="module")
def url(engine, talks):
    settings = AppSettings(
        port=free_port(), max_megabytes=0.5, max_megapixels=1, talks=str(talks), most_talks=3
    )
    with served(make_asker(engine), settings, "a model", None) as address:
        yield address


def connect(url):
    return Client(url, verbose=False, httpx_kwargs={"timeout": DEADLINE})


@pytest.fixture
def picture(tmp_path):
    return handle_file(write_picture(tmp_path / "picture.png"))


def coloured(folder: Path, red: int) -> Path:
    image = Image.new("RGB", SIZE, (90, 90, 90))
    image.paste((red, 39, 40), tuple(map(int, BOX)))
    image.save(folder / f"{red}.png")
    return folder / f"{red}.png"


def test_a_click_is_described_as_it_is_written_and_asked_back(url, picture):
    job = connect(url).submit(picture, "60, 30", api_name="/click")
    last = job.result(timeout=DEADLINE)
    said = [re.sub("<[^>]*>|\\s+", " ", step[WORDS]).split() for step in job.outputs()]
    assert said[0][:1] == ["thing"]
    assert said[0][:3] != ["thing", "of", "214"]  # it is shown before it is whole
    assert "thing of 214" in last[WORDS]
    assert "lead to the object: IoU 1.00" in last[WORDS]
    assert last[RAW_ANSWER] == "thing of 214"
    with Image.open(job.outputs()[0][DRAWN]) as drawn:  # later steps leave it as it is
        assert drawn.size == (640, 320)
        assert drawn.convert("RGB").getpixel((600, 300)) == (45, 45, 45)  # dimmed around the object
        assert drawn.convert("RGB").getpixel((80, 60)) == (214, 39, 40)


def test_a_conversation_goes_on_and_a_click_is_undone(url, picture, engine):
    client = connect(url)
    client.predict(picture, "60, 30", api_name="/click")
    answer = client.predict(picture, "Where is it?", api_name="/say")
    assert "red square (20, 10, 100, 60)" in answer[WORDS]
    assert "thing of 214" in answer[WORDS]
    assert engine.asked[-1].history[0].answer == "thing of 214"
    other = client.predict(picture, "180, 90", api_name="/click")
    assert "Where is it?" not in other[WORDS]
    undone = client.predict(picture, api_name="/undo")
    assert "Where is it?" in undone[WORDS]
    assert "thing of 214" in undone[WORDS]
    assert "Nothing is chosen" in client.predict(picture, api_name="/undo")[WORDS]


def test_ten_visitors_at_once_see_their_own_objects_alone(url, tmp_path):
    def talk(number):
        red = 110 + 10 * number
        client, own = connect(url), handle_file(coloured(tmp_path, red))
        first = client.predict(own, "60, 30", api_name="/click")
        second = client.predict(own, f"Are you sure, {number}?", api_name="/say")
        return red, first[WORDS], second[WORDS]

    with ThreadPoolExecutor(VISITORS) as threads:
        said = list(threads.map(talk, range(VISITORS)))
    for number, (red, first, second) in enumerate(said):
        for words in (first, second):
            assert set(re.findall(r"thing of (\d+)", words)) == {str(red)}
        assert re.findall(r"Are you sure, (\d)", second) == [str(number)]


@pytest.mark.parametrize(
    ("call", "data", "sentence"),
    [
        ("/click", ("60",), "two numbers inside the picture"),
        ("/click", ("500, 30",), "two numbers inside the picture"),
        ("/click", ("nan, 30",), "two numbers inside the picture"),
        ("/click_remove", ("60, 30",), "Click on the object first"),
        ("/say", ("Why?",), "Click on an object in the picture first"),
        ("/save", (), "no conversation to save"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(url, picture, call, data, sentence):
    assert sentence in connect(url).predict(picture, *data, api_name=call)[WORDS]


def test_another_picture_ends_the_conversation(url, picture, tmp_path):
    client = connect(url)
    client.predict(picture, "60, 30", api_name="/click")
    other = handle_file(coloured(tmp_path, 120))
    assert "Click on an object" in client.predict(other, "Why?", api_name="/say")[WORDS]


def test_a_conversation_is_saved_for_training_once(url, picture, talks):
    client = connect(url)
    client.predict(picture, "60, 30", api_name="/click")
    for _ in range(2):
        assert "is saved for training" in client.predict(picture, api_name="/save")[WORDS]
    (file,) = talks.glob("*.jsonl")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert record["region"]["phrases"] == ["thing of 214"]
    assert record["region"]["box"] == [100, 100, 500, 600]
