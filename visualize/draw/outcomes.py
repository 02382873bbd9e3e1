"""Truth against prediction, object by object, as a reader of pictures wants it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from grounding.matching import mean_overlap, pair_boxes, share_inside
from grounding.samples import Detection

IOU_THRESHOLD = 0.5
"""From this overlap on, two boxes are about the same object. Source: PASCAL VOC."""


class Outcome(Enum):
    """What became of a predicted object, or of one that was not predicted; the value is its name.

    A prediction in a crowd region of its label is neither right nor wrong.
    """

    TRUE_POSITIVE = "true positive"
    WRONG_LABEL = "wrong label"
    FALSE_POSITIVE = "false positive"
    MISSED = "missed"
    IN_CROWD = "in a crowd"


@dataclass(frozen=True)
class Match:
    """A predicted object with its outcome, or a true one that was missed.

    `detection` is the object to draw; `true_label` is what a wrongly labelled object really is; `iou` is
    the overlap with the true object, 0 where there is none.
    """

    outcome: Outcome
    detection: Detection
    true_label: str | None = None
    iou: float = 0.0


def match_detections(
    truth: Sequence[Detection],
    predictions: Sequence[Detection],
    crowds: Sequence[Detection] = (),
    threshold: float = IOU_THRESHOLD,
) -> list[Match]:
    """Return an outcome for each prediction, in their order, then the true objects that were missed.

    True positives are those that the scores count (`grounding.matching`): pairs of one label, the highest IoU
    first. What is left over in a crowd region of its label is set aside; of the rest, pairs of two labels.
    """
    matches: dict[int, Match] = {}
    missed = dict(enumerate(truth))
    for label in dict.fromkeys(item.label for item in truth):
        found = {row: item for row, item in enumerate(predictions) if item.label == label}
        wanted = {column: item for column, item in missed.items() if item.label == label}
        for row, column, overlap in _pair_up(found, wanted, threshold):
            matches[row] = Match(Outcome.TRUE_POSITIVE, predictions[row], iou=overlap)
            del missed[column]
    left = {row: item for row, item in enumerate(predictions) if row not in matches}
    for row, item in left.items():
        regions = [crowd.box for crowd in crowds if crowd.label == item.label]
        if any(share_inside(item.box, region) >= threshold for region in regions):
            matches[row] = Match(Outcome.IN_CROWD, item)
    left = {row: item for row, item in left.items() if row not in matches}
    for row, column, overlap in _pair_up(left, missed, threshold):
        matches[row] = Match(Outcome.WRONG_LABEL, predictions[row], truth[column].label, overlap)
        del missed[column]
    invented = {row: Match(Outcome.FALSE_POSITIVE, item) for row, item in left.items() if row not in matches}
    predicted = [match for _, match in sorted((matches | invented).items())]
    return predicted + [Match(Outcome.MISSED, item) for item in missed.values()]


def count_outcomes(matches: Sequence[Match]) -> dict[Outcome, int]:
    """Return how many objects had each outcome, in the order of the outcomes."""
    return {outcome: sum(match.outcome is outcome for match in matches) for outcome in Outcome}


def agreement(matches: Sequence[Match]) -> float:
    """Return the mean IoU of all objects, true or predicted; what is not a true positive counts 0.

    The same as `Matches.agreement` of grounding/matching.py: a wrong label counts as one object missed and
    one that is wrong. 1 where there is nothing and nothing was predicted.
    """
    right = [match.iou for match in matches if match.outcome is Outcome.TRUE_POSITIVE]
    weight = {Outcome.WRONG_LABEL: 2, Outcome.IN_CROWD: 0}
    return mean_overlap(right, sum(weight.get(match.outcome, 1) for match in matches))


def _pair_up(
    found: Mapping[int, Detection], wanted: Mapping[int, Detection], threshold: float
) -> list[tuple[int, int, float]]:
    """Return (key of found, key of wanted, IoU) of one-to-one pairs, the highest IoU first."""
    rows, columns = list(found), list(wanted)
    pairs = pair_boxes(
        [found[row].box for row in rows], [wanted[column].box for column in columns], threshold
    )
    return [(rows[row], columns[column], overlap) for row, column, overlap in pairs]
