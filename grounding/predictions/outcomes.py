"""Outcomes: each predicted object judged by the ground truth, and the objects that were missed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from grounding.matching import mean_overlap, pair_boxes, share_inside
from grounding.samples import Detection

IOU_THRESHOLD = 0.5
"""Two boxes of at least this overlap are about the same object. Source: PASCAL VOC."""


class Outcome(Enum):
    """How a predicted object was judged, or that a true object was missed; values are shown to users.

    A prediction in a crowd region of its label is neither right nor wrong.
    """

    TRUE_POSITIVE = "true positive"
    WRONG_LABEL = "wrong label"
    FALSE_POSITIVE = "false positive"
    MISSED = "missed"
    IN_CROWD = "in a crowd"


@dataclass(frozen=True)
class JudgedObject:
    """A predicted object with its outcome, or a true object that was missed.

    `detection` is the object to draw, `true_label` the true label of a wrongly labelled object, and `iou` the
    overlap with the true object, or 0 without one. `true_place` is the position of the true object in the
    truth, None without one.
    """

    outcome: Outcome
    detection: Detection
    true_label: str | None = None
    iou: float = 0.0
    true_place: int | None = field(default=None, compare=False)


def judge_detections(
    truth: Sequence[Detection],
    predictions: Sequence[Detection],
    crowds: Sequence[Detection] = (),
    threshold: float = IOU_THRESHOLD,
) -> list[JudgedObject]:
    """Return each prediction with its outcome, in the given order, then the true objects that were missed.

    True positives are those of the scores (`grounding.matching`): pairs with one label, highest IoU first.
    Remaining predictions in a crowd region of their label are set aside. Pairs of the rest have wrong labels.
    Only boxes of one picture make a pair.
    """
    judged: dict[int, JudgedObject] = {}
    missed = dict(enumerate(truth))
    for name in dict.fromkeys(map(_name, truth)):
        found = {row: item for row, item in enumerate(predictions) if _name(item) == name}
        wanted = {column: item for column, item in missed.items() if _name(item) == name}
        for row, column, overlap in _pair_up(found, wanted, threshold):
            judged[row] = JudgedObject(
                Outcome.TRUE_POSITIVE, predictions[row], iou=overlap, true_place=column
            )
            del missed[column]
    left = {row: item for row, item in enumerate(predictions) if row not in judged}
    for row, item in left.items():
        regions = [crowd.box for crowd in crowds if _name(crowd) == _name(item)]
        if any(share_inside(item.box, region) >= threshold for region in regions):
            judged[row] = JudgedObject(Outcome.IN_CROWD, item)
    left = {row: item for row, item in left.items() if row not in judged}
    for picture in dict.fromkeys(item.picture for item in left.values()):
        here = {row: item for row, item in left.items() if item.picture == picture}
        wanted = {column: item for column, item in missed.items() if item.picture == picture}
        for row, column, overlap in _pair_up(here, wanted, threshold):
            judged[row] = JudgedObject(
                Outcome.WRONG_LABEL, predictions[row], truth[column].label, overlap, column
            )
            del missed[column]
    invented = {
        row: JudgedObject(Outcome.FALSE_POSITIVE, item) for row, item in left.items() if row not in judged
    }
    predicted = [item for _, item in sorted((judged | invented).items())]
    return predicted + [
        JudgedObject(Outcome.MISSED, item, true_place=place) for place, item in missed.items()
    ]


def count_outcomes(judged: Sequence[JudgedObject]) -> dict[Outcome, int]:
    """Return how many objects had each outcome, in the order of the outcomes."""
    return {outcome: sum(item.outcome is outcome for item in judged) for outcome in Outcome}


def agreement(judged: Sequence[JudgedObject]) -> float:
    """Return the mean IoU of all objects, true or predicted; all but true positives count 0.

    The same as `Matches.agreement` in grounding/matching.py: a wrong label counts as one missed object and
    one wrong object. Without any object, true or predicted, the result is 1.
    """
    right = [item.iou for item in judged if item.outcome is Outcome.TRUE_POSITIVE]
    weight = {Outcome.WRONG_LABEL: 2, Outcome.IN_CROWD: 0}
    return mean_overlap(right, sum(weight.get(item.outcome, 1) for item in judged))


def _name(item: Detection) -> tuple[int, str]:
    """Return what two boxes of one object have in common: picture and label."""
    return item.picture, item.label


def _pair_up(
    found: Mapping[int, Detection], wanted: Mapping[int, Detection], threshold: float
) -> list[tuple[int, int, float]]:
    """Return (key of found, key of wanted, IoU) of one-to-one pairs, highest IoU first."""
    rows, columns = list(found), list(wanted)
    pairs = pair_boxes(
        [found[row].box for row in rows], [wanted[column].box for column in columns], threshold
    )
    return [(rows[row], columns[column], overlap) for row, column, overlap in pairs]
