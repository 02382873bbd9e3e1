"""The questions of a prepared data set, read from the records that training reads."""

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.answers.asked import Asked
from grounding.boxes import Size
from grounding.candidates.candidate_list import CandidateList
from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import is_regular, lies_inside, read_jsonl
from grounding.images.pixels import UNREADABLE, open_picture, upright_size
from grounding.layout import ALL_JSONL_FILES, ANNOTATIONS_FILES, CALIBRATION_SPLIT
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.predictions.annotations import read_annotations
from grounding.predictions.question_pictures import AnnotatedImages
from grounding.record.conversation import Record, asks_for_boxes, parse_record
from grounding.regions.region_mark import Region
from grounding.views.view_mark import Views
from grounding.yes_no.yes_no_mark import asks_yes_or_no
from infer.engines.protocol import Request

log = logging.getLogger(__name__)

NOT_ABOUT_BOXES = {
    True: "%s: %d yes/no questions about boxes are not asked: they are for training",
    False: "%s: %d questions for words about a region are kept apart: their answers hold no boxes",
}
"""What is said of records that are no questions about boxes, by whether they ask yes or no."""

NumberedRow = tuple[int, Any]
"""A row of the JSONL behind the number of its line, as `grounding.files.read_jsonl` yields them."""


@dataclass(frozen=True)
class AskedPicture:
    """A picture that a question is about: its id, its path as in the JSONL, and its original size."""

    image_id: int
    image: str
    size: Size


@dataclass(frozen=True)
class Question:
    """A question about one picture or several, in their order, and the prompt.

    With a `region` it asks for words about that; the picture may be one that shows the region. `image_id`,
    `image` and `size` are those of the first picture. `candidates` are those that the user message lists,
    None without any, and `introduced` the views that it shows of the picture. `source` is the picture's name
    in its source, "" where the record does not say.
    """

    pictures: tuple[AskedPicture, ...]
    request: Request
    region: Region | None = None
    candidates: CandidateList | None = None
    source: str = ""
    introduced: Views | None = None

    @classmethod
    def of_one(
        cls, image_id: int, image: str, size: Size, request: Request, region: Region | None = None
    ) -> "Question":
        """Return a question about one picture."""
        return cls((AskedPicture(image_id, image, size),), request, region)

    @property
    def image_id(self) -> int:
        """The id of the first picture; it is the question's own."""
        return self.pictures[0].image_id

    @property
    def image(self) -> str:
        """The path of the first picture."""
        return self.pictures[0].image

    @property
    def size(self) -> Size:
        """The size of the first picture."""
        return self.pictures[0].size

    @property
    def is_about_several(self) -> bool:
        """Whether there is more than one picture."""
        return len(self.pictures) > 1

    @property
    def shows_views(self) -> bool:
        """Whether views of the picture are shown beside it, about which no answer is."""
        return bool(self.views)

    @property
    def picture_files(self) -> tuple[Path, ...]:
        """The files of its pictures, without views of them."""
        return self.request.images[: len(self.pictures)]

    @property
    def views(self) -> tuple[Path, ...]:
        """The files of these views; their names follow their content."""
        return self.request.images[len(self.pictures) :]

    @property
    def asked(self) -> Asked:
        """The pictures that boxes of the answer are about, for the reader of answers."""
        sizes = tuple(picture.size for picture in self.pictures)
        return Asked(sizes) if self.candidates is None else self.candidates.asked(sizes)

    @property
    def text(self) -> str:
        """The user message without the placeholders of its pictures, and without views."""
        user = self.request.user
        user = user if self.introduced is None else self.introduced.without(user)
        return user.replace(IMAGE_PLACEHOLDER, "").strip()


def read_questions(
    dataset: Path,
    split: str,
    limit: int | None = None,
    *,
    or_words: bool = False,
    rows: Iterable[NumberedRow] | None = None,
) -> list[Question]:
    """Read the questions about boxes of a split in the order of its records, the first `limit` of them.

    Yes/no questions and questions for words are left out: their answers hold no boxes, and no score of boxes
    would count them. With `or_words`, there may be none if the split has questions for words. `rows` are the
    split's, where they are read for something else, too.

    Raises:
        UserError: not a prepared data set, a record that is no question about pictures, or no question.
    """
    load_card(dataset)  # refuses a data set of another version before a model is loaded
    path = dataset / ALL_JSONL_FILES[split]
    if split == CALIBRATION_SPLIT and not path.is_file():
        raise UserError(f"{path}: no such file: prepare the data set with calibration.share=0.1, or another")
    annotations = dataset / ANNOTATIONS_FILES[split] if split in ANNOTATIONS_FILES else None
    known = None if annotations is None else _annotated_images(annotations)
    questions: list[Question] = []
    left_out: Counter[bool] = Counter()
    for line, row in read_jsonl(path) if rows is None else rows:
        if limit is not None and len(questions) == limit:
            break
        if not asks_for_boxes(row):
            left_out[asks_yes_or_no(row)] += 1
            continue
        questions.append(_question(row, dataset, known, f"{path}, line {line}"))
    for is_yes_no, number in left_out.items():
        log.info(NOT_ABOUT_BOXES[is_yes_no], path, number)
    if not questions and not (or_words and left_out[False]):
        raise UserError(f"{path}: {_nothing_to_ask(left_out)}")
    return questions


def _nothing_to_ask(left_out: Mapping[bool, int]) -> str:
    """Return what is said of a split without a question about boxes, from what else there is in it."""
    if left_out[False]:
        return "all questions in it ask for words about a region, and none about boxes: name another data set"
    if left_out[True]:
        return "no record in it but yes/no questions, which are for training: prepare the data set again"
    return "no record in it: prepare the data set again"


def fingerprint_questions(questions: Sequence[Question]) -> str:
    """Return a hash of prompts and pictures; a picture counts by name, id, size and length of its file.

    The mark of a question for words counts, too: the rows of predictions hold it.
    """
    rows = [
        [
            *(question.image_id, question.image, question.size.width, question.size.height),
            *(question.request.system, question.request.user, question.request.images[0].stat().st_size),
            *([question.region.as_json()] if question.region else []),
            *([question.candidates.as_json()] if question.candidates else []),
            *(
                [each.image_id, each.image, each.size.width, each.size.height, file.stat().st_size]
                for each, file in zip(question.pictures[1:], question.request.images[1:], strict=False)
            ),
            *([file.name, file.stat().st_size] for file in question.views),
        ]
        for question in questions
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def read_request(row: dict[str, Any], dataset: Path, where: str) -> tuple[Record, Request]:
    """Return a row of the JSONL as a record, and the prompt of its first question; `where` is for messages.

    Raises:
        UserError: the record is no question about pictures that lie in the data set's folder.
    """
    try:
        record = parse_record(row)
    except ValueError as error:
        raise UserError(f"{where}: {error}: prepare the data set again") from error
    request = _request(record, dataset, where)
    for name, image in zip(record.images, request.images, strict=False):
        if not lies_inside(image, dataset):
            raise UserError(
                f"{where}: {name} lies outside the data set's folder: it is not read, and not sent to a "
                "server: prepare the data set again"
            )
        if not is_regular(image):
            raise UserError(f"{where}: no image {image}: prepare the data set again")
    return record, request


def _question(row: dict[str, Any], dataset: Path, known: AnnotatedImages | None, where: str) -> Question:
    record, request = read_request(row, dataset, where)
    pictures = []
    # Later turns can show more, and views of the picture follow it.
    for name, image in zip(record.pictures, request.images, strict=False):
        if known is None:
            pictures.append(AskedPicture(_id_in_name(name, where), name, size_of(image)))
        elif (entry := known.take(name)) is not None:
            pictures.append(AskedPicture(entry[0], name, entry[1]))
        else:
            raise UserError(f"{where}: {name} is not in the annotations: prepare the data set again")
    source = row.get("source")
    name = source if isinstance(source, str) else ""
    return Question(
        tuple(pictures), request, candidates=record.candidates, source=name, introduced=record.views
    )


def _request(record: Record, dataset: Path, where: str) -> Request:
    """Return the prompt of a record: its system message, if any, and its first user message, as trained."""
    turns = list(record.turns)
    system = turns.pop(0).text if turns and turns[0].role == "system" else ""
    shown = turns[0].text.count(IMAGE_PLACEHOLDER) if turns and turns[0].role == "user" else 0
    places = sum(turn.text.count(IMAGE_PLACEHOLDER) for turn in turns if turn.role == "user")
    if not shown:
        raise UserError(f"{where}: no user message with {IMAGE_PLACEHOLDER}: prepare the data set again")
    if places != len(record.images):
        raise UserError(
            f"{where}: {len(record.images)} `images`, and {places} times {IMAGE_PLACEHOLDER} in the user's "
            "messages: prepare the data set again"
        )
    images = tuple(dataset / name for name in record.images[:shown])
    candidates = 0 if record.candidates is None else len(record.candidates.items)
    about = None if record.views is None else len(record.pictures)
    return Request(images, system, turns[0].text, candidates=candidates, about=about)


def _annotated_images(path: Path) -> AnnotatedImages:
    try:
        return AnnotatedImages(read_annotations(path))
    except KeyError as error:
        raise UserError(f"{path}: not COCO annotations ({error}): prepare the data set again") from error


def _id_in_name(image: str, where: str) -> int:
    digits = re.findall(r"\d+", Path(image).stem)
    if not digits:
        raise UserError(f"{where}: no number in the file name '{image}' to take as image id")
    return int(digits[-1])


def size_of(image: Path) -> Size:
    """Return the size of an image as the model sees it, upright.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with open_picture(image) as picture:
            return upright_size(picture)
    except UNREADABLE as error:
        raise UserError(f"{image}: not readable as an image: prepare the data set again") from error
