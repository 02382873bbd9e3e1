"""Cycle consistency: what a model found is asked back, and has to come out where it was."""

from collections.abc import Sequence

from grounding.boxes import iou
from grounding.prompts import Wording
from grounding.samples import Detection
from infer.asking.answered import Answered, Ask, Item
from infer.asking.combining import SAME_OBJECT
from infer.asking.wordings import reworded

NOT_VERIFIED = "box did not come back when its label was asked for"


def ask_back(
    ask: Ask, items: Sequence[Item], answered: Sequence[Answered], wording: Wording, *, drops: bool
) -> list[Answered]:
    """Ask, in this wording, for each label that was found; a box has to come back with an IoU of SAME_OBJECT.

    What does not is a problem of the answer and, if `drops`, no longer among the detections. A label that is
    on several boxes is asked once, and each box looks for its own among the answers.
    """
    labels = [list(dict.fromkeys(found.label for found in answer.detections)) for answer in answered]
    returned = iter(
        ask(
            [
                Item(reworded(item.request, wording, label), item.size)
                for item, names in zip(items, labels, strict=True)
                for label in names
            ]
        )
    )
    checked = []
    for answer, names in zip(answered, labels, strict=True):
        back = {name: next(returned).detections for name in names}
        good = [found for found in answer.detections if came_back(found, back[found.label]) >= SAME_OBJECT]
        lost = len(answer.detections) - len(good)
        kept = tuple(good) if drops else answer.detections
        checked.append(Answered(answer.raw, kept, answer.problems + (NOT_VERIFIED,) * lost))
    return checked


def came_back(found: Detection, returned: Sequence[Detection]) -> float:
    """Return the IoU of a box with the nearest of those that asking for its label gave, 0 without any."""
    return max((iou(found.box, other.box) for other in returned), default=0.0)
