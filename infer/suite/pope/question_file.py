"""POPE's question files.

Source of the format: github.com/RUCAIBox/POPE, output/coco/coco_pope_*.json: JSON lines of {"question_id": 1,
"image": "COCO_val2014_000000310196.jpg", "text": "Is there a snowboard in the image?", "label": "yes"}.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import is_regular, lies_inside, read_jsonl

LABELS = ("yes", "no")


@dataclass(frozen=True)
class PopeQuestion:
    """A question, the image's file that it is about, and whether the true answer is yes."""

    question_id: int
    image: str
    file: Path
    text: str
    is_yes: bool


def read_pope(path: Path, images: Path, limit: int | None = None) -> list[PopeQuestion]:
    """Read the first `limit` questions of a file; the images lie in the folder `images`.

    Raises:
        UserError: a line that is no such question, or an image that is not there.
    """
    questions: list[PopeQuestion] = []
    for line, row in read_jsonl(path):
        if limit is not None and len(questions) == limit:
            break
        questions.append(_read_question(row, images, f"{path}, line {line}"))
    if not questions:
        raise UserError(f"{path}: no question in it: download POPE's questions again")
    return questions


def _read_question(row: Any, images: Path, where: str) -> PopeQuestion:
    image, text, label = (_read_text(row, key, where) for key in ("image", "text", "label"))
    number = row.get("question_id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise UserError(f"{where}: question_id: a whole number is needed")
    if label not in LABELS:
        raise UserError(f"{where}: label '{label[:40]}' is neither yes nor no")
    file = images / image
    if not lies_inside(file, images):
        raise UserError(f"{where}: {image} lies outside {images}: it is not read")
    if not is_regular(file):
        raise UserError(f"{where}: no image {file}: set images to the folder that holds it")
    return PopeQuestion(number, image, file, text, label == "yes")


def _read_text(row: Any, key: str, where: str) -> str:
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: no {key}: POPE's lines have question_id, image, text and label")
    return value
