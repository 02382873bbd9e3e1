"""The rows of predictions.jsonl, read and checked, whoever has written them."""

import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.regions.region_mark import asks_for_words
from grounding.samples import Detection

LARGEST_COORDINATE = 1e7
"""Pixels between a coordinate and the image's corner; no image is so large, and areas stay exact."""


@dataclass(frozen=True)
class Prediction:
    """What was found in one image, in original pixels, and the named problems of its answer.

    `image` is relative to the data set's folder, `raw` is the answer's text. These and `question` are ""
    where the row does not have them.
    """

    image_id: int
    detections: tuple[Detection, ...]
    problems: tuple[str, ...]
    image: str = ""
    question: str = ""
    raw: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether the answer names objects, or says without a problem that there are none."""
        return bool(self.detections) or not self.problems


def read_predictions(path: Path) -> list[Prediction]:
    """Read predictions, one row per image, and check their types, as others may have written them.

    A row needs `image_id` and `detections`, each with a `label` and a `box` as [x1, y1, x2, y2] in original
    pixels; the other keys, and `score` and `description` of a detection, may be left out. `image` lies inside
    the data set's folder. Answers to questions for words about a region are no predictions of boxes, and are
    left out (`region_answers.py` reads them).

    Raises:
        UserError: a row without these, a value of another type, or an image that comes twice.
    """
    rows = {}
    for line, row in read_jsonl(path):
        if asks_for_words(row):
            continue
        where = f"{path}, line {line}"
        prediction = parse_prediction(row, where)
        if prediction.image_id in rows:
            raise UserError(
                f"{where}: image_id {prediction.image_id} comes a second time: keep one row per image"
            )
        rows[prediction.image_id] = prediction
    return list(rows.values())


def parse_prediction(row: dict[str, Any], where: str) -> Prediction:
    """Return the prediction in a row; `where` is the row's place, for messages.

    Raises:
        UserError: see `read_predictions`.
    """
    image_id = row.get("image_id")
    if "image_id" in row and (not isinstance(image_id, int) or isinstance(image_id, bool)):
        raise UserError(
            f"{where}: image_id {_shown(image_id)} is not a whole number: take that of the annotations"
        )
    try:
        return Prediction(
            row["image_id"],
            tuple(parse_detection(item) for item in _list(row["detections"], "detections")),
            tuple(_text(problem, "a problem") for problem in _list(row.get("problems", []), "problems")),
            _place(_text(row.get("image", ""), "image")),
            _text(row.get("question", ""), "question"),
            _text(row.get("raw", ""), "raw"),
        )
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{where}: not a prediction ({type(error).__name__}: {error}): a row needs image_id and "
            "detections, each with label and box [x1, y1, x2, y2]"
        ) from error


def parse_detection(item: Any) -> Detection:
    """Return the detection in an object with label, box and, if there are such, score and description.

    Raises:
        ValueError, KeyError: a part is missing, or of another type.
    """
    if not isinstance(item, dict):
        raise ValueError(f"a detection is {_shown(item)}, not an object")
    numbers, score = _list(item["box"], "box"), item.get("score")
    if len(numbers) != 4:
        raise ValueError(f"a box has {len(numbers)} numbers, not 4")
    box = Box(*(_number(number, "a coordinate") for number in numbers))
    if max(map(abs, box.xyxy)) > LARGEST_COORDINATE:
        raise ValueError(f"a coordinate is more than {LARGEST_COORDINATE:.0f} pixels")
    return Detection(
        _text(item["label"], "label"),
        box,
        None if score is None else _number(score, "score"),
        description=_text(item.get("description"), "description") or None,
    )


def written_detection(found: Detection) -> dict[str, Any]:
    """Return a detection as a row holds it, which `parse_detection` reads."""
    row: dict[str, Any] = {"label": found.label, "box": list(found.box.xyxy), "score": found.score}
    return row if found.description is None else {**row, "description": found.description}


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is {_shown(value)}, not a list")
    return value


def _number(value: Any, name: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{name} is {_shown(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} is not finite")
    return number


def _text(value: Any, name: str) -> str:
    if value is None and name not in ("label", "a problem"):
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is {_shown(value)}, not a text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:  # it could be written into no file
        raise ValueError(f"{name} holds half of a surrogate pair: {_shown(value)}") from error
    return value


def _place(image: str) -> str:
    """Return the path of an image in the data set's folder; pictures are read from there and shown."""
    paths = PurePosixPath(image), PureWindowsPath(image)
    if any(path.is_absolute() or path.drive or ".." in path.parts for path in paths) or "\0" in image:
        raise ValueError(f"image {_shown(image)} is not inside the data set's folder")
    return image


def _shown(value: Any) -> str:
    """Return the start of a value; an integer of thousands of digits cannot be written at all."""
    try:
        return ascii(value)[:80]
    except (ValueError, RecursionError):
        return f"a large {type(value).__name__}"
