"""What is wrong with a sampled answer: a grade for each true object, and the boxes that belong to none."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from grounding.answers.forms import LOOPED, REPEATED
from grounding.predictions.outcomes import JudgedObject, Outcome, judge_detections
from grounding.samples import Detection
from infer.asking.merged_answers import SAME_OBJECT, same_object_iou

LOOSE_IOU, RIGHT_IOU = 0.3, 0.6
"""From the first overlap on, a box is about an object; from the second on, it is right."""

ENDED_AT_A_COPY = frozenset({REPEATED, LOOPED})
"""The problems of an answer that the engine ended before a copy could be written."""


class Grade(Enum):
    """How a true object fared in an answer; the values are shown to users."""

    RIGHT = "right"
    LOOSE = "IoU 0.3 to 0.6"
    WRONG_LABEL = "wrong label"
    MISSED = "missed"


PENALTIES = {Grade.RIGHT: 0.0, Grade.LOOSE: 0.5, Grade.WRONG_LABEL: 1.0, Grade.MISSED: 1.0}
"""How hard an object was in an answer with this grade."""


@dataclass(frozen=True)
class AnswerGrades:
    """The grades of one answer: one for each true object, and the label that each was given, if any.

    `invented` are the boxes that belong to no object, `copied` counts those that name one a second time.
    """

    grades: tuple[Grade, ...]
    given_labels: tuple[str | None, ...]
    invented: tuple[Detection, ...]
    copied: int

    @property
    def is_right(self) -> bool:
        """Whether every object is right, and there is no other box."""
        return not self.invented and not self.copied and set(self.grades) <= {Grade.RIGHT}


def grade_answer(
    wanted: Sequence[Detection],
    found: Sequence[Detection],
    problems: Sequence[str] = (),
    ignored: Sequence[Detection] = (),
) -> AnswerGrades:
    """Grade the boxes of an answer against the objects that the question asks for.

    Objects and boxes are matched as everywhere (`judge_detections`), from LOOSE_IOU on. `problems` are those
    of reading the answer: one that the engine ended at a copy has one. Boxes inside of `ignored` regions
    of their label are neither right nor wrong.
    """
    judged = judge_detections(wanted, found, ignored, LOOSE_IOU)
    grades = [Grade.MISSED] * len(wanted)
    given: list[str | None] = [None] * len(wanted)
    for item in judged:
        if item.true_place is not None and item.outcome is not Outcome.MISSED:
            grades[item.true_place] = _grade(item)
            given[item.true_place] = item.detection.label
    strays = [item.detection for item in judged if item.outcome is Outcome.FALSE_POSITIVE]
    named = [
        item.detection for item in judged if item.outcome in (Outcome.TRUE_POSITIVE, Outcome.WRONG_LABEL)
    ]
    invented: list[Detection] = []
    for stray in strays:
        if not any(_is_copy(stray, other) for other in (*named, *invented)):
            invented.append(stray)
    copied = len(strays) - len(invented) + sum(problem in ENDED_AT_A_COPY for problem in problems)
    return AnswerGrades(tuple(grades), tuple(given), tuple(invented), copied)


def _grade(item: JudgedObject) -> Grade:
    if item.outcome is Outcome.WRONG_LABEL:
        return Grade.WRONG_LABEL
    return Grade.RIGHT if item.iou >= RIGHT_IOU else Grade.LOOSE


def _is_copy(item: Detection, other: Detection) -> bool:
    return same_object_iou(item, other) >= SAME_OBJECT
