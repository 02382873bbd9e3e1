"""The row of predictions.jsonl that is written for an answer; `grounding.predictions` reads it."""

from typing import Any

from grounding.candidates.candidate_list import CANDIDATES_KEY
from grounding.predictions.prediction_rows import written_detection
from grounding.regions.region_mark import REGION_KEY
from grounding.views.view_mark import VIEWS_KEY
from infer.asking.dataset_questions import AskedPicture, Question
from infer.asking.parsed_answers import ParsedAnswer


def prediction_row(question: Question, answered: ParsedAnswer) -> dict[str, Any]:
    """Return the row of one answer: its text, and what was read out of it, boxes in original pixels.

    A question about several pictures has `pictures`, and each detection says in which it is. The answer to a
    question for words comes with the region that it is about; one with candidates or views comes with these,
    be the views those of its record or added when it was asked.
    """
    row = {
        "image_id": question.image_id,
        "image": question.image,
        "width": question.size.width,
        "height": question.size.height,
        **({"pictures": list(map(_picture, question.pictures))} if question.is_about_several else {}),
        "question": question.text,
        "raw": answered.raw,
        "detections": [
            written_detection(found, of_several=question.is_about_several) for found in answered.detections
        ],
        "problems": list(answered.problems),
    }
    if question.candidates is not None:
        row[CANDIDATES_KEY] = question.candidates.as_json()
    if (views := answered.views or question.introduced) is not None:
        row[VIEWS_KEY] = views.as_json()
    return row | {REGION_KEY: question.region.as_json()} if question.region else row


def _picture(picture: AskedPicture) -> dict[str, Any]:
    return {
        "image_id": picture.image_id,
        "image": picture.image,
        "width": picture.size.width,
        "height": picture.size.height,
    }
