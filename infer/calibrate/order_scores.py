"""AP of the same boxes in several orders: equal, by token probabilities, calibrated, and perfect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.calibrate.judged_boxes import JudgedAnswers, JudgedBox
from infer.scoring.coco_evaluation import CocoScores, coco_scores

CONSTANT, MEAN_LOGPROB, CALIBRATED, PERFECT = "constant", "mean_logprob", "calibrated", "perfect order"

EXPRESSION = "expression"
"""The category of all objects whose label is none of the card's: expressions have no category in a record."""


@dataclass(frozen=True)
class ScoredOrder:
    """Boxes with the scores of one kind: their AP and what it was computed from."""

    name: str
    scores: tuple[float, ...]
    coco: CocoScores


def score_orders(
    answers: JudgedAnswers, calibrated: Sequence[float], categories: Sequence[str]
) -> list[ScoredOrder]:
    """Return AP with scores of each kind; `calibrated` are those of the judged boxes, in their order.

    A perfect order ranks all right boxes first, those with the best IoU before others. A box that is not
    judged keeps its place, below all others.
    """
    ids = {name: number for number, name in enumerate((*categories, EXPRESSION), start=1)}
    annotations = _annotations(answers, ids)
    scores = iter(calibrated)
    by_box = [next(scores) if box.is_judged else 0.0 for box in answers.boxes]
    kinds = {
        CONSTANT: [1.0] * len(by_box),
        MEAN_LOGPROB: [box.detection.score or 0.0 for box in answers.boxes],
        CALIBRATED: by_box,
        PERFECT: [box.overlap for box in answers.boxes],
    }
    return [
        ScoredOrder(name, tuple(values), coco_scores(annotations, _predictions(answers, ids, values), ids))
        for name, values in kinds.items()
    ]


def _annotations(answers: JudgedAnswers, ids: Mapping[str, int]) -> dict[str, Any]:
    """Return the objects of the questions as COCO annotations; each picture is an image of its own."""
    known, numbers = answers.known, _image_numbers(answers)
    images = [
        {"id": number, "width": picture.size.width, "height": picture.size.height}
        for number, picture in enumerate(each for question in known.questions for each in question.pictures)
    ]
    objects = [
        (numbers[place] + item.picture, item, is_crowd)
        for place in range(len(known.questions))
        for items, is_crowd in ((known.objects[place], 0), (known.crowds[place], 1))
        for item in items
    ]
    rows = [
        {
            "id": number,
            "image_id": place,
            "category_id": ids[_category(item, ids)],
            "bbox": list(item.box.xywh),
            "area": item.box.area,
            "iscrowd": is_crowd,
        }
        for number, (place, item, is_crowd) in enumerate(objects, start=1)
    ]
    return {
        "images": images,
        "annotations": rows,
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
    }


def _image_numbers(answers: JudgedAnswers) -> list[int]:
    """Return the number of each question's first picture; the others follow it."""
    counts = (len(question.pictures) for question in answers.known.questions)
    return list(accumulate(counts, initial=0))[:-1]


def _category(item: Detection, ids: Mapping[str, int]) -> str:
    return item.label if item.label in ids else EXPRESSION


def _predictions(answers: JudgedAnswers, ids: Mapping[str, int], scores: Sequence[float]) -> list[Prediction]:
    """Return the boxes with these scores as predictions; a label that nothing in the image has is left out.

    It is no category, and no expression that was asked about: no metric counts such a box.
    """
    numbers = _image_numbers(answers)
    count = sum(len(question.pictures) for question in answers.known.questions)
    found: dict[int, list[Detection]] = {number: [] for number in range(count)}
    for box, score in zip(answers.boxes, scores, strict=True):
        if box.detection.label in ids or _is_expression(box, answers):
            detection = replace(box.detection, label=_category(box.detection, ids), score=score)
            found[numbers[box.question] + detection.picture].append(replace(detection, picture=0))
    return [Prediction(number, tuple(detections), ()) for number, detections in found.items()]


def _is_expression(box: JudgedBox, answers: JudgedAnswers) -> bool:
    return any(box.detection.label == item.label for item in answers.known.objects[box.question])
