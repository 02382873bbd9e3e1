"""What the app asks a model about a picture, and what comes back: no page in here."""

import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore

from PIL import Image

from grounding.boxes import Box, Size
from grounding.categories import MARKUP
from grounding.matching import pair_boxes
from grounding.prompts import IMAGE_PLACEHOLDER
from grounding.samples import Detection
from infer.asking.answered import Answered, Item
from infer.asking.ways import ask_items
from infer.engines.protocol import Engine, Request
from infer.engines.settings import EngineSettings
from visualize.app.model_wordings import Wordings
from visualize.app.texts import AppError

LONGEST_QUESTION = 500
"""Characters."""

LABELS_AT_MOST = 8
"""Different labels of one answer that are asked back."""

SMALLEST_SIDE = 1.0
"""Pixels of a drawn box."""


@dataclass(frozen=True)
class Asked:
    """A question that was asked about a picture, its answer, and how many seconds that took.

    `phrase` is what was looked for, "" where it was everything; `region` the box in the spotlight, if any.
    """

    question: str
    answered: Answered
    seconds: float
    phrase: str = ""
    region: Box | None = None

    @property
    def detections(self) -> tuple[Detection, ...]:
        """What was found, in pixels of the picture."""
        return self.answered.detections


@dataclass(frozen=True)
class Cycle:
    """A label that was asked back, and the IoU of each of its boxes with what came back (0: nothing)."""

    label: str
    question: str
    ious: tuple[float, ...]


@dataclass(frozen=True)
class Asker:
    """A loaded model with the words to ask it in; so many requests at once as it can take."""

    engine: Engine
    settings: EngineSettings
    wordings: Wordings
    room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(1))

    def ask_everything(self, picture: Image.Image) -> Asked:
        """Ask for everything in the picture."""
        question = self.wordings.ask_everything()
        (answered,), seconds = self._ask(picture, [question])
        return Asked(question, answered, seconds)

    def ask_phrase(self, picture: Image.Image, phrase: str) -> Asked:
        """Ask where a phrase is in the picture.

        Raises:
            AppError: no phrase, one that is too long, or one with a model's own control words.
        """
        phrase = _checked(phrase)
        if not phrase:
            raise AppError("no_phrase")
        question = self.wordings.ask_phrase(phrase)
        (answered,), seconds = self._ask(picture, [question])
        return Asked(question, answered, seconds, phrase)

    def ask_region(self, picture: Image.Image, region: Box, text: str) -> Asked:
        """Ask about a picture in which only `region` is lit; without a text, the question about everything.

        Raises:
            AppError: a text that is too long, or with a model's own control words.
        """
        from visualize.draw.spotlight import draw_spotlight

        question = _checked(text) or self.wordings.ask_everything()
        (answered,), seconds = self._ask(draw_spotlight(picture, region), [question])
        return Asked(question, answered, seconds, region=region)

    def ask_back(self, picture: Image.Image, asked: Asked) -> list[Cycle]:
        """Ask for each label of an answer by a phrase, in other words than before where there are any."""
        labels = [label for label in dict.fromkeys(item.label for item in asked.detections) if label]
        labels = labels[:LABELS_AT_MOST]
        questions = [self.wordings.ask_phrase(_plain(label), asked.question) for label in labels]
        answers, _ = self._ask(picture, questions) if questions else ([], 0.0)
        return [
            Cycle(label, question, cycle_ious(label, asked.detections, answered.detections))
            for label, question, answered in zip(labels, questions, answers, strict=True)
        ]

    def _ask(self, picture: Image.Image, questions: Sequence[str]) -> tuple[list[Answered], float]:
        """Return the answers to questions about a picture, and the seconds from the first to the last."""
        size = Size(*picture.size)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "picture.png"
            picture.save(file, "PNG", compress_level=1)
            items = [
                Item(Request(file, self.wordings.system, IMAGE_PLACEHOLDER + text), size)
                for text in questions
            ]
            with self.room:
                start = time.perf_counter()
                answered = ask_items(
                    self.engine, items, batch_size=self.settings.batch_size, score=self.settings.score
                )
                return answered, time.perf_counter() - start


def cycle_ious(label: str, before: Sequence[Detection], after: Sequence[Detection]) -> tuple[float, ...]:
    """Return for each box of a label the IoU with its partner in the second answer, 0 without one.

    A model may answer a phrase under another name: its other boxes count only where none has the label.
    """
    wanted = [item.box for item in before if item.label == label]
    same = [item.box for item in after if item.label == label]
    found = same or [item.box for item in after]
    ious = [0.0] * len(wanted)
    for _, column, overlap in pair_boxes(found, wanted, 0.0):
        ious[column] = overlap
    return tuple(ious)


def parse_region(text: str, size: Size) -> Box:
    """Read `x1, y1, x2, y2` as a box inside a picture; the corners may come in any order.

    Raises:
        AppError: nothing there, not four numbers, or no area inside the picture.
    """
    words = [word for word in re.split(r"[\s,，;；]+", text) if word]
    if not words:
        raise AppError("no_region")
    try:
        x1, y1, x2, y2 = map(float, words)
    except ValueError as error:
        raise AppError("bad_region") from error
    box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    if not box.is_finite:
        raise AppError("bad_region")
    box = box.clipped(size)
    if min(box.x2 - box.x1, box.y2 - box.y1) < SMALLEST_SIDE:
        raise AppError("small_region")
    return box


def _checked(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > LONGEST_QUESTION:
        raise AppError("long_phrase", LONGEST_QUESTION)
    if any(mark in text for mark in MARKUP):
        raise AppError("markup", " ".join(MARKUP))
    return text


def _plain(label: str) -> str:
    """Return a label that a model wrote, without control words, as part of a question."""
    for mark in MARKUP:
        label = label.replace(mark, " ")
    return " ".join(label.split())[:LONGEST_QUESTION]
