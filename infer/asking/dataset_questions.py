"""The questions of a prepared data set: read from its JSONL, never written a second time."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import read_json, read_jsonl
from grounding.layout import ANNOTATIONS_FILE
from grounding.prompts import IMAGE_PLACEHOLDER
from infer.engines.protocol import Request


@dataclass(frozen=True)
class Question:
    """What is asked about one image; `image` is as in the JSONL, `size` that of the original image."""

    image_id: int
    image: str
    size: Size
    request: Request

    @property
    def text(self) -> str:
        """The user message without the image's placeholder."""
        return self.request.user.replace(IMAGE_PLACEHOLDER, "").strip()


def read_questions(dataset: Path, split: str, limit: int | None = None) -> list[Question]:
    """Read the questions of a split, in its order; `limit` takes the first so many.

    Raises:
        UserError: not a prepared data set, or a record that does not ask about exactly one image.
    """
    load_card(dataset)  # refuses a folder of another version before a model is loaded
    path = dataset / f"{split}.jsonl"
    known = _annotated_images(dataset / ANNOTATIONS_FILE) if split == "val" else None
    questions: list[Question] = []
    for line, record in read_jsonl(path):
        if limit is not None and len(questions) == limit:
            break
        questions.append(_question(record, dataset, known, f"{path}, line {line}"))
    if not questions:
        raise UserError(f"{path}: no record in it: prepare the data set again")
    return questions


def fingerprint_questions(questions: Sequence[Question]) -> str:
    """Return a hash of what is asked: messages; images by name, id, size and length of the file."""
    rows = [
        [
            *(question.image_id, question.image, question.size.width, question.size.height),
            *(question.request.system, question.request.user, question.request.image.stat().st_size),
        ]
        for question in questions
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _question(
    record: dict[str, Any], dataset: Path, known: dict[str, list[tuple[int, Size]]] | None, where: str
) -> Question:
    images = record.get("images")
    if not (isinstance(images, list) and len(images) == 1 and isinstance(images[0], str)):
        raise UserError(f"{where}: `images` must be a list of one path: prepare the data set again")
    request = _request(record.get("messages"), dataset / images[0], where)
    if not request.image.is_file():
        raise UserError(f"{where}: no image {request.image}: prepare the data set again")
    if known is None:
        return Question(_id_in_name(images[0], where), images[0], _size_of(request.image), request)
    found = known.get(images[0]) or known.get(Path(images[0]).name)
    if not found:
        raise UserError(f"{where}: {images[0]} is not in {ANNOTATIONS_FILE}: prepare the data set again")
    image_id, size = found[0]
    if len(found) > 1:
        del found[0]  # the next record about this file is its next entry
    return Question(image_id, images[0], size, request)


def _request(messages: Any, image: Path, where: str) -> Request:
    """Take the messages up to the first user message: an optional system message, and the question."""
    try:
        turns = [(message["role"], message["content"]) for message in messages]
    except (TypeError, KeyError) as error:
        raise UserError(f"{where}: `messages` is not a list of role and content") from error
    system = turns.pop(0)[1] if turns and turns[0][0] == "system" else ""
    if not turns or turns[0][0] != "user" or turns[0][1].count(IMAGE_PLACEHOLDER) != 1:
        raise UserError(f"{where}: no user message with one {IMAGE_PLACEHOLDER}: prepare the data set again")
    return Request(image, system, turns[0][1])


def _annotated_images(path: Path) -> dict[str, list[tuple[int, Size]]]:
    """Return id and size of every image of COCO annotations, by file name with and without folders.

    Several entries can share a file, one for each question about it, in the order of the records.
    """
    known: dict[str, list[tuple[int, Size]]] = {}
    try:
        for image in read_json(path)["images"]:
            name = image["file_name"]
            entries = known.setdefault(name, [])
            entries.append((image["id"], Size(image["width"], image["height"])))
            known.setdefault(Path(name).name, entries)
    except (TypeError, KeyError) as error:
        raise UserError(f"{path}: not COCO annotations ({error}): prepare the data set again") from error
    return known


def _id_in_name(image: str, where: str) -> int:
    digits = re.findall(r"\d+", Path(image).stem)
    if not digits:
        raise UserError(f"{where}: no number in the file name '{image}' to take as image id")
    return int(digits[-1])


def _size_of(image: Path) -> Size:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(image) as picture:
            return Size(*picture.size)
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"{image}: not readable as an image: prepare the data set again") from error
