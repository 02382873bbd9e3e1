"""The questions of a prepared data set, read from the records that training reads."""

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import is_regular, lies_inside, read_jsonl
from grounding.images.pixels import UNREADABLE, open_picture, upright_size
from grounding.layout import ALL_JSONL_FILES, ANNOTATIONS_FILES, CALIBRATION_SPLIT
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.predictions.annotations import read_annotations
from grounding.record.conversation import Record, asks_for_boxes, parse_record
from grounding.regions.region_mark import Region
from grounding.yes_no.yes_no_mark import asks_yes_or_no
from infer.engines.protocol import Request

log = logging.getLogger(__name__)

NOT_ABOUT_BOXES = {
    True: "%s: %d yes/no questions about boxes are not asked: they are for training",
    False: "%s: %d questions for words about a region are kept apart: their answers hold no boxes",
}
"""What is said of records that are no questions about boxes, by whether they ask yes or no."""


@dataclass(frozen=True)
class Question:
    """A question about one image: its path as in the JSONL, its original size, and the prompt.

    With a `region` it asks for words about that; the image may be a picture that shows the region.
    """

    image_id: int
    image: str
    size: Size
    request: Request
    region: Region | None = None

    @property
    def text(self) -> str:
        """The user message without the image's placeholder."""
        return self.request.user.replace(IMAGE_PLACEHOLDER, "").strip()


def read_questions(
    dataset: Path, split: str, limit: int | None = None, *, or_words: bool = False
) -> list[Question]:
    """Read the questions about boxes of a split in the order of its records, the first `limit` of them.

    Yes/no questions and questions for words are left out: their answers hold no boxes, and no score of boxes
    would count them. With `or_words`, there may be none if the split has questions for words.

    Raises:
        UserError: not a prepared data set, a record that is no question about exactly one image, or no
            question.
    """
    load_card(dataset)  # refuses a data set of another version before a model is loaded
    path = dataset / ALL_JSONL_FILES[split]
    if split == CALIBRATION_SPLIT and not path.is_file():
        raise UserError(f"{path}: no such file: prepare the data set with calibration.share=0.1, or another")
    annotations = dataset / ANNOTATIONS_FILES[split] if split in ANNOTATIONS_FILES else None
    known = None if annotations is None else _annotated_images(annotations)
    questions: list[Question] = []
    left_out: Counter[bool] = Counter()
    for line, row in read_jsonl(path):
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
    """Return a hash of prompts and images; an image counts by name, id, size and length of its file.

    The mark of a question for words counts, too: the rows of predictions hold it.
    """
    rows = [
        [
            *(question.image_id, question.image, question.size.width, question.size.height),
            *(question.request.system, question.request.user, question.request.picture.stat().st_size),
            *([question.region.as_json()] if question.region else []),
        ]
        for question in questions
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def read_request(row: dict[str, Any], dataset: Path, where: str) -> tuple[Record, Request]:
    """Return a row of the JSONL as a record, and the prompt of its first question; `where` is for messages.

    Raises:
        UserError: the record is no question about exactly one image that lies in the data set's folder.
    """
    try:
        record = parse_record(row)
    except ValueError as error:
        raise UserError(f"{where}: {error}: prepare the data set again") from error
    if len(record.images) != 1:
        raise UserError(f"{where}: `images` must be a list of one path: prepare the data set again")
    request = _request(record, dataset, where)
    if not lies_inside(request.picture, dataset):
        raise UserError(
            f"{where}: {record.image} lies outside the data set's folder: it is not read, and not sent to a "
            "server: prepare the data set again"
        )
    if not is_regular(request.picture):
        raise UserError(f"{where}: no image {request.picture}: prepare the data set again")
    return record, request


def _question(
    row: dict[str, Any], dataset: Path, known: dict[str, list[tuple[int, Size]]] | None, where: str
) -> Question:
    record, request = read_request(row, dataset, where)
    if known is None:
        return Question(_id_in_name(record.image, where), record.image, size_of(request.picture), request)
    found = known.get(record.image) or known.get(Path(record.image).name)
    if not found:
        raise UserError(f"{where}: {record.image} is not in the annotations: prepare the data set again")
    image_id, size = found[0]
    if len(found) > 1:
        del found[0]  # the next record about this file is its next entry
    return Question(image_id, record.image, size, request)


def _request(record: Record, dataset: Path, where: str) -> Request:
    """Return the prompt of a record: its system message, if any, and its first user message, as trained."""
    turns = list(record.turns)
    system = turns.pop(0).text if turns and turns[0].role == "system" else ""
    if not turns or turns[0].role != "user" or turns[0].text.count(IMAGE_PLACEHOLDER) != 1:
        raise UserError(f"{where}: no user message with one {IMAGE_PLACEHOLDER}: prepare the data set again")
    return Request((dataset / record.image,), system, turns[0].text)


def _annotated_images(path: Path) -> dict[str, list[tuple[int, Size]]]:
    """Return id and size of every image of COCO annotations, by path and by file name alone.

    A file has an entry for each question about it, in the order of the records.
    """
    known: dict[str, list[tuple[int, Size]]] = {}
    try:
        for image in read_annotations(path)["images"]:
            name = image["file_name"]
            entries = known.setdefault(name, [])
            entries.append((image["id"], Size(image["width"], image["height"])))
            known.setdefault(Path(name).name, entries)
    except KeyError as error:
        raise UserError(f"{path}: not COCO annotations ({error}): prepare the data set again") from error
    return known


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
