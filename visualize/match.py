"""Truth against prediction, object by object, as a reader of pictures wants it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from grounding.boxes import iou
from grounding.samples import Detection

IOU_THRESHOLD = 0.5
"""From this overlap on, two boxes are about the same object. Source: PASCAL VOC."""


class Outcome(Enum):
    """What became of a predicted object, or of one that was not predicted; the value is its name."""

    TRUE_POSITIVE = "true positive"
    WRONG_LABEL = "wrong label"
    FALSE_POSITIVE = "false positive"
    MISSED = "missed"


@dataclass(frozen=True)
class Match:
    """A predicted object with its outcome, or a true one that was missed.

    `detection` is the object to draw; `true_label` is what a wrongly labelled object really is.
    """

    outcome: Outcome
    detection: Detection
    true_label: str | None = None


def match_detections(
    truth: Sequence[Detection], predictions: Sequence[Detection], threshold: float = IOU_THRESHOLD
) -> list[Match]:
    """Return an outcome for each prediction, in their order, then the true objects that were missed.

    Predictions choose in the order of their scores (without scores, as written): first the nearest true
    object of their label, then, among what is left, the nearest of any label.
    """
    free = list(range(len(truth)))
    outcomes: dict[int, Match] = {}
    order = sorted(range(len(predictions)), key=lambda index: -(predictions[index].score or 0.0))
    for same_label in (True, False):
        for index in order:
            prediction = predictions[index]
            candidates = [
                (iou(truth[number].box, prediction.box), -number)
                for number in free
                if not same_label or truth[number].label == prediction.label
            ]
            if index in outcomes or not candidates or max(candidates)[0] < threshold:
                continue
            number = -max(candidates)[1]
            free.remove(number)
            outcome = Outcome.TRUE_POSITIVE if same_label else Outcome.WRONG_LABEL
            outcomes[index] = Match(outcome, prediction, None if same_label else truth[number].label)
    predicted = [
        outcomes.get(index, Match(Outcome.FALSE_POSITIVE, prediction))
        for index, prediction in enumerate(predictions)
    ]
    return predicted + [Match(Outcome.MISSED, truth[number]) for number in free]


def count_outcomes(matches: Sequence[Match]) -> dict[Outcome, int]:
    """Return how many objects had each outcome, in the order of the outcomes."""
    return {outcome: sum(match.outcome is outcome for match in matches) for outcome in Outcome}
