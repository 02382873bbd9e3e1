"""Page, masks and language apart, each at its address and with its key: a conversation needs all of them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio_client import Client, handle_file

from infer.engines.openai.client import OpenAIEngine
from infer.engines.segment.remote_segmenter import MASKS_KEY_VARIABLE
from infer.engines.settings import EngineSettings
from infer.serve.access import KEY_VARIABLE
from tests.infer.conftest import ROOT
from tests.infer.serve.running_server import running
from tests.visualize.app.talk.shapes_engine import KnownShapes, write_shapes
from train.launch.command import free_port
from visualize.app.asker import Asker
from visualize.app.hosting import served
from visualize.app.model_wordings import choose_wordings
from visualize.app.page_settings import AppSettings

DEADLINE = 300
"""Seconds after which a request counts as hanging; a busy machine takes long."""

WORDS, MASKS_KEY, LANGUAGE_KEY = 1, "key-of-the-masks", "key-of-the-language"


@pytest.fixture(scope="module")
def masks() -> Iterator[str]:
    """Start the worker as a process of its own."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "infer.serve_masks", f"port={port}", "backend=grabcut"],
        cwd=ROOT,
        env={**os.environ, KEY_VARIABLE: MASKS_KEY},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(2)]
    assert f"http://127.0.0.1:{port}" in "".join(lines), lines
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(DEADLINE)
    process.stderr.close()


@pytest.fixture(scope="module")
def engine() -> KnownShapes:
    return KnownShapes()


@pytest.fixture(scope="module")
def language(engine: KnownShapes) -> Iterator[str]:
    with running(engine=engine, api_key=LANGUAGE_KEY) as server:
        yield f"http://127.0.0.1:{server.port}/v1"


@pytest.fixture(scope="module")
def page(masks: str, language: str) -> Iterator[SimpleNamespace]:
    """Serve the page, with the keys of both others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MASKS_KEY_VARIABLE, MASKS_KEY)
        patch.setenv("OPENAI_API_KEY", LANGUAGE_KEY)
        settings = EngineSettings(engine="openai", base_url=language, model="m", retries=0)
        asker = Asker(OpenAIEngine(settings), settings, choose_wordings(None))
        with served(asker, AppSettings(port=free_port(), masks=masks), "m", None) as url:
            yield SimpleNamespace(url=url, asker=asker, masks=masks)


def connect(url: str) -> Client:
    return Client(url, verbose=False, httpx_kwargs={"timeout": DEADLINE})


def shown(outputs: Any) -> str:
    return " ".join(re.sub("<[^>]*>", " ", outputs[WORDS]).split())


@pytest.fixture
def picture(tmp_path: Path) -> Any:
    return handle_file(write_shapes(tmp_path / "picture.png"))


def test_a_conversation_goes_through_three_processes(
    page: SimpleNamespace, engine: KnownShapes, picture: Any
) -> None:
    client = connect(page.url)
    engine.go.clear()
    job = client.submit(picture, "60, 30", api_name="/click")
    steps = iter(job)
    assert shown(next(steps)) == "I"  # the language layer waits: it is shown while it is decoded
    engine.go.set()
    assert shown(list(steps)[-1]).startswith("I see a red square of 214 ✓ Asked back")
    more = client.predict(picture, "150, 60", api_name="/click_add")
    assert "red square of 214 and a blue square of 31" in shown(more)
    assert "I see a red square of 214" in shown(client.predict(picture, api_name="/undo"))
    said = client.predict(picture, "Where is the blue square?", api_name="/say")
    assert "blue square (130, 40, 180, 90)" in shown(said)
    assert engine.asked[-1].history[0].answer == "I see a red square of 214"


def test_a_layer_that_is_gone_or_refuses_is_a_sentence_without_keys(
    page: SimpleNamespace, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = EngineSettings(
        engine="openai", base_url=f"http://127.0.0.1:{free_port()}/v1", model="m", retries=0
    )
    gone = Asker(OpenAIEngine(settings), settings, choose_wordings(None))
    wrong = "key-of-somebody-else"
    for asker, masks, key, sentence in (
        (gone, "grabcut", MASKS_KEY, "no connection"),
        (page.asker, f"http://127.0.0.1:{free_port()}", MASKS_KEY, "is the worker running?"),
        (page.asker, page.masks, wrong, f"set the environment variable {MASKS_KEY_VARIABLE}"),
    ):
        monkeypatch.setenv(MASKS_KEY_VARIABLE, key)
        with served(asker, AppSettings(port=free_port(), masks=masks), "m", None) as url:
            said = shown(connect(url).predict(picture, "60, 30", api_name="/click"))
        assert sentence in said
        assert not [secret for secret in (MASKS_KEY, LANGUAGE_KEY, wrong) if secret in said]
