"""Asking a loaded model about a picture, in the words of its data set."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore

from PIL import Image

from grounding.boxes import Box, Size
from grounding.card import load_card
from grounding.images.region_pictures import draw_spotlight
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.matching import pair_boxes
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking
from infer.asking.ways import AskOnce
from infer.asking.yes_no.choosing_form import first_score, with_yes_no
from infer.confidence.calibration import Calibration
from infer.engines.protocol import Engine, Request
from infer.engines.settings import EngineSettings
from visualize.app.answered_question import AnsweredQuestion, LabelCheck
from visualize.app.model_wordings import Wordings
from visualize.app.texts import AppError
from visualize.app.visitor_input import clean_label, clean_question

LABELS_AT_MOST = 8
"""Largest number of labels of one answer that the model is asked for again."""


@dataclass(frozen=True)
class Asker:
    """A loaded model with the words to ask it in; `room` limits how many requests it answers at once.

    score=calibrated needs a `calibration`.
    """

    engine: Engine
    settings: EngineSettings
    wordings: Wordings
    room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(1))
    calibration: Calibration | None = None

    def ask_everything(self, picture: Image.Image) -> AnsweredQuestion:
        """Ask for every object in a picture."""
        question = self.wordings.ask_everything()
        (answered,), seconds = self._ask(picture, [question])
        return AnsweredQuestion(question, answered, seconds)

    def ask_phrase(self, picture: Image.Image, phrase: str) -> AnsweredQuestion:
        """Ask where a phrase is in a picture.

        Raises:
            AppError: the phrase is empty or too long, or contains control words of the model.
        """
        phrase = clean_question(phrase)
        if not phrase:
            raise AppError("no_phrase")
        question = self.wordings.ask_phrase(phrase)
        (answered,), seconds = self._ask(picture, [question])
        return AnsweredQuestion(question, answered, seconds, phrase)

    def ask_region(self, picture: Image.Image, region: Box, text: str) -> AnsweredQuestion:
        """Ask about a picture that is dimmed outside `region`; without a text, ask for every object.

        Raises:
            AppError: the text is too long, or contains control words of the model.
        """
        question = clean_question(text) or self.wordings.ask_everything()
        (answered,), seconds = self._ask(draw_spotlight(picture, region), [question])
        return AnsweredQuestion(question, answered, seconds, region=region)

    def check_labels(self, picture: Image.Image, asked: AnsweredQuestion) -> list[LabelCheck]:
        """Ask for each label of an answer as a phrase, in other words than before if there are any."""
        labels = [label for label in dict.fromkeys(item.label for item in asked.detections) if label]
        labels = labels[:LABELS_AT_MOST]
        questions = [self.wordings.ask_phrase(clean_label(label), asked.question) for label in labels]
        answers, _ = self._ask(picture, questions, scores_matter=False) if questions else ([], 0.0)
        return [
            LabelCheck(label, question, repeated_ious(label, asked.detections, answered.detections))
            for label, question, answered in zip(labels, questions, answers, strict=True)
        ]

    def _ask(
        self, picture: Image.Image, texts: Sequence[str], *, scores_matter: bool = True
    ) -> tuple[list[ParsedAnswer], float]:
        """Return the answers to questions about a picture, and the seconds that the model took for all."""
        size = Size(*picture.size)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "picture.png"
            picture.save(file, "PNG", compress_level=1)
            requests = [
                SizedRequest(Request((file,), self.wordings.system, IMAGE_PLACEHOLDER + text), size)
                for text in texts
            ]
            ask: WayOfAsking = AskOnce(
                self.engine,
                self.settings.batch_size,
                first_score(self.settings),
                calibration=self.calibration,
            )
            if self.settings.score == "yes_no" and scores_matter:
                dataset = self.wordings.dataset
                card = None if dataset is None else load_card(dataset)
                ask = with_yes_no(ask, self.engine, self.settings, card)
            with self.room:
                start = time.perf_counter()
                answered = ask(requests)
                return answered, time.perf_counter() - start


def repeated_ious(label: str, before: Sequence[Detection], after: Sequence[Detection]) -> tuple[float, ...]:
    """Return for each box of a label the IoU with its partner in the second answer, or 0 without a partner.

    A model may answer a phrase with another label. Boxes of other labels count only if none has the label.
    """
    wanted = [item.box for item in before if item.label == label]
    same = [item.box for item in after if item.label == label]
    found = same or [item.box for item in after]
    ious = [0.0] * len(wanted)
    for _, column, overlap in pair_boxes(found, wanted, 0.0):
        ious[column] = overlap
    return tuple(ious)
