"""graded.jsonl: what a model's sampled answers to each training question are worth, and why."""

import statistics
from dataclasses import dataclass
from typing import Any

from grounding.record.conversation import parse_record
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
    later = [item for item in parse_record(known.row).read_answers(known.question.size).detections
             if item not in named]  # fmt: skip
    grades = tuple(
        grade_answer(known.wanted, answer.detections, answer.problems, later) for answer in sampled.answers
    )
    rewards = tuple(answer.reward for answer in sampled.answers)
    return GradedRecord(known, rewards, QuestionGrades(known.wanted, grades))


def graded_line(record: GradedRecord) -> dict[str, Any]:
    """Return the row of a graded question; boxes are in original pixels.

    `reward` is the mean of the answers' rewards (grounding/reward.py), and `line` that of the question in
    train.jsonl, from 1.
    """
    known, grades = record.known, record.grades
    return {
        "line": known.line,
        "image": known.question.image,
        "width": known.question.size.width,
        "height": known.question.size.height,
        "question": known.question.text,
        "reward": statistics.fmean(record.rewards),
        "rewards": list(record.rewards),
        "hardness": grades.hardness,
        "unstable": grades.is_unstable,
        "objects": [
            {
                "label": item.detection.label,
                "box": list(item.detection.box.xyxy),
                "hardness": item.hardness,
                "unstable": item.is_unstable,
                "grades": {grade.value: item.grades[grade] for grade in Grade if item.grades[grade]},
            }
            for item in grades.objects
        ],
        "invented": grades.invented,
        "copied": sum(answer.copied for answer in grades.answers),
    }
