"""The rows of predictions.jsonl: written for answers, and read and checked, whoever has written them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer


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


def prediction_row(question: Question, answered: ParsedAnswer) -> dict[str, Any]:
    """Return the row of one answer: its text, and what was read out of it, boxes in original pixels."""
    return {
        "image_id": question.image_id,
        "image": question.image,
        "width": question.size.width,
        "height": question.size.height,
        "question": question.text,
        "raw": answered.raw,
        "detections": [
            {"label": found.label, "box": list(found.box.xyxy), "score": found.score}
            for found in answered.detections
        ],
        "problems": list(answered.problems),
    }


def read_predictions(path: Path) -> list[Prediction]:
    """Read predictions, one row per image.

    A row needs `image_id` and `detections`, each with a `label` and a `box` as [x1, y1, x2, y2] in original
    pixels; the other keys may be left out.

    Raises:
        UserError: a row without these, or an image that comes twice.
    """
    rows = {}
    for line, row in read_jsonl(path):
        where = f"{path}, line {line}"
        prediction = _prediction(row, where)
        if prediction.image_id in rows:
            raise UserError(
                f"{where}: image_id {prediction.image_id} comes a second time: keep one row per image"
            )
        rows[prediction.image_id] = prediction
    return list(rows.values())


def _prediction(row: dict[str, Any], where: str) -> Prediction:
    try:
        found = tuple(_detection(item) for item in row["detections"])
        problems = tuple(str(problem) for problem in row.get("problems", ()))
        image_id = row["image_id"]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{where}: not a prediction ({type(error).__name__}: {error}): a row needs image_id and "
            "detections, each with label and box [x1, y1, x2, y2]"
        ) from error
    if not isinstance(image_id, int) or isinstance(image_id, bool):
        raise UserError(f"{where}: image_id {image_id!r} is not a whole number: take that of the annotations")
    texts = (str(row.get(key, "")) for key in ("image", "question", "raw"))
    return Prediction(image_id, found, problems, *texts)


def _detection(item: dict[str, Any]) -> Detection:
    x1, y1, x2, y2 = map(float, item["box"])
    box = Box(x1, y1, x2, y2)
    score = item.get("score")
    if not box.is_finite or not (score is None or math.isfinite(score)):
        raise ValueError("a number is not finite")
    if not isinstance(item["label"], str):
        raise ValueError(f"label {item['label']!r} is not a text")
    return Detection(item["label"], box, None if score is None else float(score))
