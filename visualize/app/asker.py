"""Asking a loaded model about a picture, or about several, in the words of its data set."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore

from PIL import Image

from grounding.answers.asked import Asked
from grounding.boxes import Box, Size
from grounding.card import load_card
from grounding.images.region_pictures import draw_spotlight
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.matching import pair_boxes
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking
from infer.asking.views.trained_views import with_trained_views
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

    def ask_everything(self, picture: Image.Image, more: Sequence[Image.Image] = ()) -> AnsweredQuestion:
        """Ask for every object in a picture, and in `more` that the same question shows."""
        question, pictures = self.wordings.ask_everything(), (picture, *more)
        (answered,), seconds = self._ask(pictures, [question])
        return AnsweredQuestion(question, answered, seconds, pictures=len(pictures))

    def ask_phrase(
        self, picture: Image.Image, phrase: str, more: Sequence[Image.Image] = ()
    ) -> AnsweredQuestion:
        """Ask where a phrase is in a picture, and in `more` that the same question shows.

        Raises:
            AppError: the phrase is empty or too long, or contains control words of the model.
        """
        phrase = clean_question(phrase)
        if not phrase:
            raise AppError("no_phrase")
        question, pictures = self.wordings.ask_phrase(phrase), (picture, *more)
        (answered,), seconds = self._ask(pictures, [question])
        return AnsweredQuestion(question, answered, seconds, phrase, pictures=len(pictures))

    def ask_region(self, picture: Image.Image, region: Box, text: str) -> AnsweredQuestion:
        """Ask about a picture that is dimmed outside `region`; without a text, ask for every object.

        Raises:
            AppError: the text is too long, or contains control words of the model.
        """
        question = clean_question(text) or self.wordings.ask_everything()
        (answered,), seconds = self._ask([draw_spotlight(picture, region)], [question])
        return AnsweredQuestion(question, answered, seconds, region=region)

    def check_labels(
        self, picture: Image.Image, asked: AnsweredQuestion, more: Sequence[Image.Image] = ()
    ) -> list[LabelCheck]:
        """Ask for each label of an answer as a phrase, in other words than before if there are any.

        The pictures are those that the question showed.
        """
        labels = [label for label in dict.fromkeys(item.label for item in asked.detections) if label]
        labels = labels[:LABELS_AT_MOST]
        questions = [self.wordings.ask_phrase(clean_label(label), asked.question) for label in labels]
        pictures = (picture, *more)
        answers, _ = self._ask(pictures, questions, scores_matter=False) if questions else ([], 0.0)
        return [
            LabelCheck(label, question, repeated_ious(label, asked.detections, answered.detections))
            for label, question, answered in zip(labels, questions, answers, strict=True)
        ]

    def _ask(
        self, pictures: Sequence[Image.Image], texts: Sequence[str], *, scores_matter: bool = True
    ) -> tuple[list[ParsedAnswer], float]:
        """Return the answers to questions about pictures, and the seconds that the model took for all."""
        about = Asked(tuple(Size(*picture.size) for picture in pictures))
        with tempfile.TemporaryDirectory() as folder:
            shown = tuple(Path(folder) / f"picture_{number}.png" for number in range(1, len(pictures) + 1))
            for file, picture in zip(shown, pictures, strict=True):
                picture.save(file, "PNG", compress_level=1)
            places = IMAGE_PLACEHOLDER * len(pictures)
            requests = [
                SizedRequest(Request(shown, self.wordings.system, places + text), about) for text in texts
            ]
            ask: WayOfAsking = AskOnce(
                self.engine,
                self.settings.batch_size,
                first_score(self.settings),
                calibration=self.calibration,
            )
            dataset = self.wordings.dataset
            card = None if dataset is None else load_card(dataset)
            if len(pictures) == 1:
                ask = with_trained_views(ask, card)
            if self.settings.score == "yes_no" and scores_matter:
                ask = with_yes_no(ask, self.engine, self.settings, card)
            with self.room:
                start = time.perf_counter()
                answered = ask(requests)
                return answered, time.perf_counter() - start


def repeated_ious(label: str, before: Sequence[Detection], after: Sequence[Detection]) -> tuple[float, ...]:
    """Return for each box of a label the IoU with its partner in the second answer, or 0 without a partner.

    A model may answer a phrase with another label. Boxes of other labels count only if none has the label.
    Partners are in one picture.
    """
    wanted = [item for item in before if item.label == label]
    found = [item for item in after if item.label == label] or after
    ious = [0.0] * len(wanted)
    for picture in dict.fromkeys(item.picture for item in wanted):
        places = [place for place, item in enumerate(wanted) if item.picture == picture]
        here = [item.box for item in found if item.picture == picture]
        for _, column, overlap in pair_boxes(here, [wanted[place].box for place in places], 0.0):
            ious[places[column]] = overlap
    return tuple(ious)
