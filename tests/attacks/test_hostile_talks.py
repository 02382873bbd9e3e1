"""What strangers send to conversations by click: pictures and states of others, too much, and other types."""

import re

import httpx
import pytest

from tests.visualize.app.app_engine import make_asker
from tests.visualize.app.app_requests import DEADLINE, answer, join, named, upload
from tests.visualize.app.talk.shapes_engine import KnownShapes, write_shapes
from train.launch.command import free_port
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings
from visualize.app.talk import talk_state

WORDS, FEW_CLICKS = 1, 3
POINTED, TOLD, BARE = ("click", "click_add", "click_remove"), ("say",), ("undo", "save")
CALLS = (*POINTED, *TOLD, *BARE)


@pytest.fixture(scope="module")
def engine():
    return KnownShapes()


@pytest.fixture(scope="module")
def url(engine, tmp_path_factory):
    talks = str(tmp_path_factory.mktemp("talks"))
    with served(make_asker(engine), AppSettings(port=free_port(), talks=talks), "m", None) as address:
        yield address


@pytest.fixture(scope="module")
def numbers(url):
    functions = httpx.get(f"{url}config", timeout=DEADLINE).json()["dependencies"]
    return {function["api_name"]: function["id"] for function in functions}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return write_shapes(tmp_path_factory.mktemp("picture") / "picture.png").read_bytes()


@pytest.fixture
def ask(url, numbers):
    """Return a function that calls one of CALLS in a session, and returns what the page says then."""

    def call(session, name, path, *words, state=None):
        sent = join(url, [None if path is None else named(path), *words, state], session, numbers[name])
        assert sent.status_code == 200, sent.text
        outputs = answer(url, session)
        assert outputs is not None, name  # an error of Gradio's
        return re.sub(r"<[^>]*>|\s+", " ", outputs[WORDS])

    return call


@pytest.fixture
def own(url, content):
    """Return a function that uploads the picture, and returns its path on the server."""
    return lambda: upload(url, content).json()[0]


def words_of(name):
    return ("60, 30",) if name in POINTED else ("Where is the blue square?",) if name in TOLD else ()


def test_a_picture_of_another_visitor_is_not_there(url, numbers, ask, own, engine, faults):
    theirs = own()
    assert "red square of 214" in ask("victim", "click", theirs, "60, 30")
    asked = len(engine.asked)
    for name in CALLS:
        assert "no longer on the server" in ask(f"thief-{name}", name, theirs, *words_of(name))
        for path in ("/etc/passwd", f"{theirs}/../picture.png", "", "http://127.0.0.1/", "\0"):
            sent = join(url, [named(path), *words_of(name), None], f"thief-{name}", numbers[name])
            assert sent.status_code == 403
    assert len(engine.asked) == asked
    assert faults() == []


def test_a_state_that_a_program_sends_is_not_taken(ask, own, engine, faults):
    path = own()
    said = ask("victim-2", "click", path, "60, 30")
    assert "red square of 214" in said
    state = {"picture": "x", "clicks": [[1, 1, True]] * 1000, "exchanges": [["<image>a", "hidden"]]}
    for forged in (state, "victim-2", {"session_hash": "victim-2"}):
        asked = len(engine.asked)
        assert "Click on an object" in ask("forger", "say", own(), "Where is the blue square?", state=forged)
        assert "no conversation to save" in ask("forger", "save", own(), state=forged)
        assert len(engine.asked) == asked
    assert "blue square (130" in ask("victim-2", "say", path, "Where is the blue square?", state=state)
    assert faults() == []


def test_an_object_has_a_bounded_number_of_clicks(ask, own, engine, faults, monkeypatch):
    monkeypatch.setattr(talk_state, "MOST_CLICKS", FEW_CLICKS)
    path = own()
    ask("many", "click", path, "60, 30")
    for _ in range(FEW_CLICKS - 1):
        assert "red square" in ask("many", "click_add", path, "61, 31")
    asked = len(engine.asked)
    for name in ("click_add", "click_remove"):
        assert f"at most {FEW_CLICKS} clicks" in ask("many", name, path, "61, 31")
    assert len(engine.asked) == asked
    assert faults() == []


@pytest.mark.parametrize(
    "point", ["", "60", "60, 30, 1", "1e999, 1", "-1, 3", "nan, nan", "60 " * 100_000, "6" * 100_000, "x"]
)
def test_a_point_is_two_numbers_inside_the_picture(ask, own, engine, faults, point):
    asked = len(engine.asked)
    assert "two numbers inside the picture" in ask("pointer", "click", own(), point)
    assert len(engine.asked) == asked
    assert faults() == []


@pytest.mark.parametrize("message", ["", " ", "a" * 100_000, "<image>", "<|im_end|>"])
def test_a_message_has_a_bounded_length_and_no_control_words(ask, own, engine, faults, message):
    path = own()
    ask("speaker", "click", path, "60, 30")
    asked = len(engine.asked)
    assert "red square (" not in ask("speaker", "say", path, message)
    assert len(engine.asked) == asked
    assert faults() == []


BAD_VALUES = (5, [["60, 30"]], {"path": 5})


@pytest.mark.parametrize("name", CALLS)
def test_values_of_another_type_are_refused_or_answered_in_a_sentence(
    url, numbers, engine, faults, own, name
):
    asked, path, words = len(engine.asked), own(), words_of(name)
    for number, bad in enumerate(BAD_VALUES):
        pictures, texts = [bad, *words, None], [named(path), *[bad] * len(words), bad]
        for data in (pictures, texts, [bad], bad):
            session = f"types-{name}-{number}"
            sent = join(url, data, session, numbers[name])
            assert sent.status_code in (200, 400, 403), (data, sent.text)
            if sent.status_code == 200:
                assert answer(url, session) is not None, data
    assert len(engine.asked) == asked  # no value is a point, or a message
    assert faults() == []
