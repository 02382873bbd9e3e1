"""Several answers to one question, merged into one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from grounding.boxes import iou
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer

SAME_OBJECT = 0.5
"""Two boxes with the same label and at least this IoU are the same object."""


SEEN_TWICE = "object of two views is answered twice"


def same_object_iou(one: Detection, other: Detection) -> float:
    """Return the IoU of two boxes that can be one object's, 0 for other labels or other pictures."""
    if one.label != other.label or one.picture != other.picture:
        return 0.0
    return iou(one.box, other.box)


def suppress_overlaps(
    detections: Iterable[Detection], threshold: float = SAME_OBJECT
) -> tuple[Detection, ...]:
    """Non-maximum suppression: of overlapping boxes in one picture with one label, keep the best.

    The best has the highest score; among equal scores, and without scores, the first one is the best.
    """
    kept: list[Detection] = []
    for item in sorted(detections, key=lambda item: -(item.score or 0.0)):
        if all(same_object_iou(item, other) < threshold for other in kept):
            kept.append(item)
    return tuple(kept)


def merge_repeats(answer: ParsedAnswer) -> ParsedAnswer:
    """Return an answer in which each object stands once; each box that is left out is a problem.

    What lies at the border of two views can be answered twice. The kept boxes stay in their order.
    """
    kept = set(map(id, suppress_overlaps(answer.detections)))
    detections = tuple(found for found in answer.detections if id(found) in kept)
    problems = answer.problems + (SEEN_TWICE,) * (len(answer.detections) - len(detections))
    return replace(answer, detections=detections, problems=problems)


def merge_answers(
    answers: Sequence[tuple[str, ParsedAnswer]], detections: Iterable[Detection]
) -> ParsedAnswer:
    """Return one answer with these detections; its text holds each answer's text after its name."""
    raw = "\n".join(f"[{name}] {answer.raw}" for name, answer in answers)
    problems = (problem for _, answer in answers for problem in answer.problems)
    return ParsedAnswer(raw, tuple(detections), tuple(problems))
