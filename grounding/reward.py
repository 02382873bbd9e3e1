"""The reward of an answer: how good its boxes are, as one number that cannot be raised by worse answers.

Half of it is the soft F1, half the F1 of the scores averaged over the IoU thresholds 0.5 to 0.95. The soft F1
has a slope everywhere, so that answers of a weak model differ; the other half rewards what is scored.
`benchmarks/reward_audit.py` attacks it, beside rewards that others have published.
"""

from collections.abc import Collection, Sequence

import numpy as np

from grounding.answers.forms import (
    EMPTY_ANSWER,
    LABEL_ONLY,
    NO_AREA,
    NO_BOX,
    NOT_FOUR_NUMBERS,
    PICTURE_MISSING,
    PICTURE_UNCLEAR,
    PICTURE_UNNAMED,
    POINT,
    TRUNCATED,
    UPSIDE_DOWN,
)
from grounding.boxes import iou_matrix
from grounding.matching import IOU_THRESHOLDS, match_detections
from grounding.samples import Detection, Reading

UNREADABLE = frozenset({EMPTY_ANSWER, NO_BOX, TRUNCATED})
"""The problems of an answer that is worth nothing, whatever else is in it."""

LOST_PIECES = (
    *(LABEL_ONLY, NOT_FOUR_NUMBERS, POINT, UPSIDE_DOWN, NO_AREA),
    *(PICTURE_UNNAMED, PICTURE_UNCLEAR, PICTURE_MISSING),
)
"""The problems of a piece that names an object without a usable box: each counts as a wrong box."""


def answer_reward(reading: Reading, wanted: Sequence[Detection], problems: Collection[str] = ()) -> float:
    """Return the reward of an answer in 0..1.

    `wanted` are all objects that the question asks for, () where it asks for an absent one. An answer that is
    unreadable or cut gets 0; `problems` are further ones that the reading does not know, such as TRUNCATED
    for an answer that reached its length limit. Pieces without a usable box count as wrong boxes. Of several
    pictures, a box in another picture than its object is wrong.
    """
    named = [*reading.problems, *problems]
    if UNREADABLE.intersection(named):
        return 0.0
    return boxes_reward(reading.detections, wanted, sum(problem in LOST_PIECES for problem in named))


def boxes_reward(found: Sequence[Detection], wanted: Sequence[Detection], wrong: int = 0) -> float:
    """Return the reward of boxes in 0..1; their order does not matter.

    `wrong` counts further boxes that match nothing. Where nothing is wanted, the reward is 1 if nothing is
    found, else 0.
    """
    total = len(found) + wrong + len(wanted)
    if total == 0:
        return 1.0
    matches = match_detections(found, wanted)
    right = [matches.count(position)[0] for position in range(len(IOU_THRESHOLDS))]
    mean_f1 = 2 * float(np.mean(right)) / total
    return (soft_f1(found, wanted, wrong) + mean_f1) / 2


def soft_f1(found: Sequence[Detection], wanted: Sequence[Detection], wrong: int = 0) -> float:
    """Return twice the IoU of all pairs divided by the number of boxes on both sides, 1 without any.

    Boxes of one label in one picture are paired one to one, such that the sum of their IoUs is largest (Kuhn,
    The Hungarian Method for the Assignment Problem, 1955; scipy.optimize.linear_sum_assignment).
    """
    from scipy.optimize import linear_sum_assignment

    total = len(found) + wrong + len(wanted)
    if total == 0:
        return 1.0
    overlap = 0.0
    for kind in dict.fromkeys((item.label, item.picture) for item in wanted):
        ious = iou_matrix(
            [item.box for item in found if (item.label, item.picture) == kind],
            [item.box for item in wanted if (item.label, item.picture) == kind],
        )
        overlap += float(ious[linear_sum_assignment(ious, maximize=True)].sum())
    return 2 * overlap / total
