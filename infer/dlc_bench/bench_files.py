"""The files of DLC-Bench, or of a data set in its layout.

    annotations.json    COCO instances: images, and annotations with bbox and segmentation
    images/             the pictures, by file_name
    qa.json             annotation id -> questions: question, choices as [text, points], type
    class_names.json    annotation id -> the name of the object

Points are 1, 0.5, 0 and -1. The type is "positive" (is a true detail told, and right?) or "negative" (is
something told that is not there?). Source: Lian et al., Describe Anything, ICCV 2025, and its repository.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.files import check_types, is_regular, lies_inside, read_json
from grounding.layout import IMAGES_FOLDER
from grounding.predictions.annotations import read_annotations

ANNOTATIONS, QUESTIONS, NAMES = "annotations.json", "qa.json", "class_names.json"

POSITIVE, NEGATIVE, RECOGNITION = "positive", "negative", "recognition"

MOST_CHOICES = 5
"""Choices are lettered A to E."""


@dataclass(frozen=True)
class JudgedQuestion:
    """A question to the judge: its choices, and the points that each gives."""

    text: str
    choices: tuple[str, ...]
    points: tuple[float, ...]
    kind: str


@dataclass(frozen=True)
class BenchRegion:
    """A region to describe: the id of its annotation, its picture and box, and what the judge is asked.

    `picture` is the file's path, `box` is in pixels of the picture, `name` is what the object is.
    """

    key: str
    picture: Path
    box: Box
    name: str
    questions: tuple[JudgedQuestion, ...]


class _Question(TypedDict):
    question: str
    choices: list[list[Any]]
    type: str


def read_bench(folder: Path) -> tuple[BenchRegion, ...]:
    """Read the regions of a benchmark's folder, in the order of its annotations.

    Raises:
        UserError: a file is missing or holds something else, or a region has no picture, name or questions.
    """
    annotations = read_annotations(folder / ANNOTATIONS)
    questions, names = _mapping(folder / QUESTIONS), _mapping(folder / NAMES)
    pictures = {
        image["id"]: folder / IMAGES_FOLDER / str(image.get("file_name", ""))
        for image in annotations["images"]
    }
    found = []
    for item in annotations["annotations"]:
        key = str(item["id"])
        if key not in questions:
            continue  # as published: what is scored are the regions with questions
        picture = pictures.get(item["image_id"])
        if picture is None or not lies_inside(picture, folder) or not is_regular(picture):
            missing = picture or item["image_id"]
            raise UserError(f"{folder / ANNOTATIONS}, annotation {key}: no picture: {missing}")
        name = names.get(key)
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"{folder / NAMES}: no name for annotation {key}")
        where = f"{folder / QUESTIONS}, annotation {key}"
        found.append(
            BenchRegion(key, picture, Box.from_xywh(*item["bbox"]), name, _questions(questions[key], where))
        )
    known = {region.key for region in found}
    if unknown := [key for key in questions if key not in known]:
        raise UserError(f"{folder / QUESTIONS}: {ANNOTATIONS} has no annotation {unknown[0]!a}")
    if not found:
        raise UserError(f"{folder / QUESTIONS}: no question in it")
    return tuple(found)


def _mapping(path: Path) -> Mapping[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: not an object by the ids of annotations, as DLC-Bench has")
    return content


def _questions(content: Any, where: str) -> tuple[JudgedQuestion, ...]:
    if not isinstance(content, list):
        raise UserError(f"{where}: not a list of questions")
    found = tuple(
        _question(item, f"{where}, question {place}") for place, item in enumerate(content, start=1)
    )
    if not any(question.kind == POSITIVE for question in found):
        raise UserError(f"{where}: no question of type {POSITIVE}, so that it has no score")
    return found


def _question(content: Any, where: str) -> JudgedQuestion:
    try:
        check_types(content, _Question)
        choices = content["choices"]
        if content["type"] not in (POSITIVE, NEGATIVE):
            raise ValueError(f"type is {ascii(content['type'])[:40]}, not {POSITIVE} or {NEGATIVE}")
        if not 2 <= len(choices) <= MOST_CHOICES or not all(map(_is_choice, choices)):
            raise ValueError(f"choices are not 2 to {MOST_CHOICES} of [text, points], points -1 to 1")
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    texts, points = zip(*choices, strict=True)
    return JudgedQuestion(content["question"], texts, tuple(map(float, points)), content["type"])


def _is_choice(choice: list[Any]) -> bool:
    if len(choice) != 2:
        return False
    text, points = choice
    is_number = isinstance(points, (int, float)) and not isinstance(points, bool)
    return isinstance(text, str) and bool(text.strip()) and is_number and -1 <= points <= 1
