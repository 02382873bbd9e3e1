"""graded.jsonl: what a model's sampled answers to each training question are worth, and why."""

import statistics
from dataclasses import dataclass
from typing import Any

from grounding.answers.asked import Asked
from grounding.boxes import GRID, Size
from grounding.candidates.candidate_list import CANDIDATES_KEY
from grounding.record.conversation import parse_record
from grounding.samples import Detection
from infer.mine.grades import Grade, grade_answer
from infer.mine.hardness import QuestionGrades
from infer.sampling.graded_answers import GradedQuestion
from infer.sampling.known_questions import KnownQuestion

GRADED_FILE = "graded.jsonl"
"""A row per question that was asked, in the order of the data set."""


@dataclass(frozen=True)
class GradedRecord:
    """A question of the training split, the rewards of the answers to it, and what is wrong with them."""

    known: KnownQuestion
    rewards: tuple[float, ...]
    grades: QuestionGrades


def grade_question(sampled: GradedQuestion) -> GradedRecord:
    """Grade the sampled answers to a question.

    Of a conversation, the first turn is asked: boxes of objects that later turns name are ignored.
    """
    known = sampled.known
    named = set(known.wanted)
    later = [item for item in _all_objects(known) if item not in named]
    grades = tuple(
        grade_answer(known.wanted, answer.detections, answer.problems, later) for answer in sampled.answers
    )
    rewards = tuple(answer.reward for answer in sampled.answers)
    return GradedRecord(known, rewards, QuestionGrades(known.wanted, grades))


def _all_objects(known: KnownQuestion) -> list[Detection]:
    """Return the objects of all turns that are in the pictures of the first question.

    Pictures that later turns show are of no matter: their sizes do not count.
    """
    pictures = known.question.asked.sizes
    record = parse_record(known.row)
    sizes = pictures + (Size(GRID, GRID),) * (len(record.pictures) - len(pictures))
    found = record.read_answers(Asked(sizes) if len(sizes) > 1 else sizes[0]).detections
    return [item for item in found if item.picture < len(pictures)]


def graded_line(record: GradedRecord) -> dict[str, Any]:
    """Return the row of a graded question; boxes are in original pixels.

    Of a question about several pictures, `pictures` has all, and each object says in which it is, from 0.
    `reward` is the mean of the answers' rewards (grounding/reward.py), and `line` that of the question in
    train.jsonl, from 1.
    """
    known, grades = record.known, record.grades
    return {
        "line": known.line,
        "image": known.question.image,
        "width": known.question.size.width,
        "height": known.question.size.height,
        **({"pictures": _pictures(known)} if known.question.is_about_several else {}),
        "question": known.question.text,
        **({CANDIDATES_KEY: listed.as_json()} if (listed := known.question.candidates) else {}),
        "reward": statistics.fmean(record.rewards),
        "rewards": list(record.rewards),
        "hardness": grades.hardness,
        "unstable": grades.is_unstable,
        "objects": [
            {
                "label": item.detection.label,
                "box": list(item.detection.box.xyxy),
                **({"picture": item.detection.picture} if known.question.is_about_several else {}),
                "hardness": item.hardness,
                "unstable": item.is_unstable,
                "grades": {grade.value: item.grades[grade] for grade in Grade if item.grades[grade]},
            }
            for item in grades.objects
        ],
        "invented": grades.invented,
        "copied": sum(answer.copied for answer in grades.answers),
    }


def _pictures(known: KnownQuestion) -> list[dict[str, Any]]:
    return [
        {"image": picture.image, "width": picture.size.width, "height": picture.size.height}
        for picture in known.question.pictures
    ]
