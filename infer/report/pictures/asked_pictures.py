"""Asks a model about the pictures of a folder, and keeps each answer before the next one is asked for."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from grounding.boxes import Size
from grounding.card import Card
from grounding.errors import UserError
from grounding.prompts import Wording
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.confidence.calibration import Calibration
from infer.engines.protocol import Engine
from infer.recipe import InferRecipe
from infer.report.pictures.answered_picture import (
    UNREADABLE_PICTURE,
    AnsweredPicture,
    FileIdentity,
    identify_file,
    own_words,
    picture_size,
)
from infer.report.pictures.answers_file import answer_row, append_lines
from infer.report.pictures.picture_folder import is_whole
from infer.report.pictures.picture_questions import questions_about
from infer.runs.question_batches import ask_questions

log = logging.getLogger(__name__)


@dataclass
class PictureAsker:
    """Asks the model of a recipe about pictures in a folder; it is loaded when the first one is asked about.

    `file` is answers.jsonl, open for appending: an answer is in it before it is yielded.
    """

    recipe: InferRecipe
    card: Card
    wording: Wording
    folder: Path
    open_engine: Callable[[InferRecipe], Engine]
    calibration: Calibration | None
    path: Path
    file: IO[bytes]
    _engine: Engine | None = field(default=None)

    def ask(self, names: Sequence[str]) -> Iterator[AnsweredPicture]:
        """Yield pictures as their answers come; a file that is gone is left out."""
        questions: list[Question] = []
        waiting: dict[str, _Waiting] = {}
        for name in names:
            path = self.folder / name
            try:
                identity = identify_file(path)
            except UserError as error:
                log.warning("%s: not inspected", error)
                continue
            size = picture_size(path) if is_whole(path) else None
            if size is None:
                yield self._keep(_unreadable(name, path, identity), "")
                continue
            asked = questions_about(path, name, size, self.card, self.wording)
            waiting[name] = _Waiting(identity, size, path, len(asked))
            questions += asked
        if questions:
            yield from self._ask_all(questions, waiting)

    def _ask_all(
        self, questions: Sequence[Question], waiting: "dict[str, _Waiting]"
    ) -> Iterator[AnsweredPicture]:
        if self._engine is None:
            self._engine = self.open_engine(self.recipe)
        places = range(len(questions))
        for answers in ask_questions(self._engine, questions, places, self.recipe, self.calibration):
            for place, answer in sorted(answers.items()):
                name = questions[place].image
                waiting[name].answers[place] = answer
                if len(waiting[name].answers) == waiting[name].questions:
                    finished = waiting.pop(name)
                    raw = "\n".join(item.raw for _, item in sorted(finished.answers.items()))
                    yield self._keep(finished.picture(name), raw)

    def _keep(self, picture: AnsweredPicture, raw: str) -> AnsweredPicture:
        line = json.dumps(answer_row(picture, raw), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        append_lines(self.file, self.path, [line])
        return picture


@dataclass
class _Waiting:
    """A picture that has been asked about, and the answers to its questions so far, by their places."""

    identity: FileIdentity
    size: Size
    path: Path
    questions: int
    answers: dict[int, ParsedAnswer] = field(default_factory=dict)

    def picture(self, name: str) -> AnsweredPicture:
        """Return the picture with all answers joined."""
        answers = [answer for _, answer in sorted(self.answers.items())]
        detections = tuple(found for answer in answers for found in answer.detections)
        return AnsweredPicture(
            name,
            self.path,
            self.identity,
            self.size,
            detections,
            own_words(detections),
            tuple(dict.fromkeys(problem for answer in answers for problem in answer.problems)),
            all(answer.detections or not answer.problems for answer in answers),
            utc_now(),
        )


def _unreadable(name: str, path: Path, identity: FileIdentity) -> AnsweredPicture:
    return AnsweredPicture(name, path, identity, None, (), (), (UNREADABLE_PICTURE,), True, utc_now())


def utc_now() -> str:
    """Return the time in UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
