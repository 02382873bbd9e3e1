"""A server that answers every question with its words turned round, and the command's settings for it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.protocol import RawAnswer, Request
from prepare.replay.replay_settings import ReplaySettings
from tests.infer.engines.openai.chat_server import ChatServer

BOXES = "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(10,20),(300,400)<|box_end|>"

ANSWERS = {
    "box": RawAnswer(BOXES, is_cut=False),
    "json": RawAnswer('[{"bbox_2d": [1, 2, 30, 40], "label": "cat"}]', is_cut=False),
    "outside": RawAnswer('[{"bbox_2d": [1, 2, 30, 4000], "label": "cat"}]', is_cut=False),
    "cut": RawAnswer("It goes on and", is_cut=True),
    "empty": RawAnswer(" \n", is_cut=False),
    "loop": RawAnswer("and then again " * 40, is_cut=False),
    "turn": RawAnswer("Yes.<|im_end|><|im_start|>user", is_cut=False),
    "thought": RawAnswer("<think>Hm.</think>Yes.", is_cut=False),
    "picture": RawAnswer(f"Here: {IMAGE_PLACEHOLDER}", is_cut=False),
}


def turned(request: Request) -> RawAnswer:
    """Answer with the words of the question from the last to the first, or as ANSWERS says."""
    words = request.user.replace(IMAGE_PLACEHOLDER, "").split()
    return ANSWERS.get(words[0], RawAnswer(" ".join(reversed(words)), is_cut=False))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setattr("grounding.remote.chat_client.SHORTEST_PAUSE", 0.01)
    with ChatServer(tmp_path / "received", turned, models=("base",)) as running:
        yield running


@pytest.fixture
def settings(server: ChatServer, tmp_path: Path) -> Callable[..., ReplaySettings]:
    made = ReplaySettings(
        base_url=server.url, model="base", output_dir=str(tmp_path / "replay"), concurrency=2, retries=1
    )

    def make(**changes: Any) -> ReplaySettings:
        return replace(made, **changes)

    return make


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Three pictures of different content beside what a test writes into `tmp_path`; names relative to it."""
    names = [f"{number}.png" for number in range(3)]
    for number, name in enumerate(names):
        Image.new("RGB", (40 + number, 30), (9, 99, 60 * number)).save(tmp_path / name)
    return names
