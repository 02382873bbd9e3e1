"""The row of predictions.jsonl that is written for an answer; `grounding.predictions` reads it."""

from typing import Any

from grounding.predictions.prediction_rows import written_detection
from grounding.regions.region_mark import REGION_KEY
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer


def prediction_row(question: Question, answered: ParsedAnswer) -> dict[str, Any]:
    """Return the row of one answer: its text, and what was read out of it, boxes in original pixels.

    The answer to a question for words comes with the region that it is about.
    """
    row = {
        "image_id": question.image_id,
        "image": question.image,
        "width": question.size.width,
        "height": question.size.height,
        "question": question.text,
        "raw": answered.raw,
        "detections": [written_detection(found) for found in answered.detections],
        "problems": list(answered.problems),
    }
    return row | {REGION_KEY: question.region.as_json()} if question.region else row
