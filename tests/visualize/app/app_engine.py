"""An engine that knows its one picture by heart, and the app's page around it."""

import threading
import time
from pathlib import Path

from PIL import Image

from infer.engines.protocol import RawAnswer
from infer.engines.settings import EngineSettings
from visualize.app.asker import Asker
from visualize.app.model_wordings import choose_wordings

SIZE = (200, 100)
BOX = (20.0, 10.0, 100.0, 60.0)
RAW = "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(100,100),(500,600)<|box_end|>"


def write_picture(path: Path) -> Path:
    """Write a grey picture of SIZE with a red square at BOX."""
    image = Image.new("RGB", SIZE, (90, 90, 90))
    image.paste((214, 39, 40), tuple(map(int, BOX)))
    image.save(path)
    return path


class KnownAnswers:
    """Answers every question with `text`, and notes what it was asked and about which pixels.

    With `together`, it answers when it was asked so many questions at once.
    """

    def __init__(self, text: str = RAW, seconds: float = 0.0, together: int = 1) -> None:
        self.gate = threading.Barrier(together, timeout=300)  # ends a hang, and nothing else
        self.text, self.seconds = text, seconds
        self.asked: list[tuple[str, str]] = []
        self.pictures: list[Image.Image] = []
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()

    def answer(self, requests):
        with self.lock:
            self.busy += 1
            self.most_busy = max(self.busy, self.most_busy)
        self.gate.wait()
        time.sleep(self.seconds)
        for request in requests:
            self.asked.append((request.system, request.user))
            self.pictures += [Image.open(path).copy() for path in request.images]
        with self.lock:
            self.busy -= 1
        if self.text == "fail":
            raise RuntimeError("out of memory at 0x1234")
        return [RawAnswer(self.text, is_cut=False) for _ in requests]


def make_asker(engine, dataset=None) -> Asker:
    return Asker(engine, EngineSettings(checkpoint=""), choose_wordings(dataset))
