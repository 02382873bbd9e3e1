"""A description is grounded again: does it lead back to its region, and to nothing else?"""

from dataclasses import replace

from grounding.answers.reader import ON_GRID, AnswerScale, read_answer
from grounding.boxes import Box, Size, iou
from prepare.describe.asking.answer_log import LoggedAnswer
from prepare.describe.describe_settings import CycleSettings
from prepare.describe.verifying import description as reasons
from prepare.describe.verifying.description import Description

SAME_BOX = 0.9
"""Boxes that overlap this much are one object that the answer names twice."""


def check_cycle(
    description: Description,
    answer: LoggedAnswer | None,
    box: Box,
    size: Size,
    sent: Size,
    cycle: CycleSettings,
) -> Description:
    """Return the description with the boxes that grounding it found, dropped if they are not its region's.

    `box` and `size` are the region's and the image's, in original pixels; `sent` is the size of the picture
    that was sent, for answers in its pixels.
    """
    if answer is None:
        return replace(description, reason=reasons.CYCLE_NO_ANSWER)
    scale = ON_GRID if cycle.units == "grid" else AnswerScale(sent.width, sent.height)
    reading = read_answer("" if answer.problem else answer.text, size, scale)
    found = distinct_boxes([detection.box for detection in reading.detections])
    if not found:
        return replace(description, reason=reasons.CYCLE_NOTHING)
    overlap = max(iou(box, other) for other in found)
    checked = replace(description, iou=overlap, found=found)
    if len(found) > 1:
        return replace(checked, reason=reasons.CYCLE_SEVERAL)
    return checked if overlap >= cycle.iou else replace(checked, reason=reasons.CYCLE_OTHER)


def distinct_boxes(boxes: list[Box]) -> tuple[Box, ...]:
    """Return the boxes without those that nearly repeat one before them."""
    kept: list[Box] = []
    for box in boxes:
        if all(iou(box, other) < SAME_BOX for other in kept):
            kept.append(box)
    return tuple(kept)
