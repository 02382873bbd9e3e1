"""What the candidates of a question tell about a box: further features where questions list some."""

import math
from collections.abc import Sequence

from grounding.answers.asked import Asked
from grounding.boxes import iou
from grounding.samples import Reading
from infer.confidence.box_features import FEATURE_NAMES, SOFTENING, Features

CANDIDATE_NAMES = ("candidate_score", "candidate_overlap", "is_candidate", "has_candidates")
"""The features of a box that candidates give, in their order.

candidate_score: logit of the largest score that the detector gave a candidate with this box (IoU of at least
    0.5) and this label; of 0 without such a candidate.
candidate_overlap: largest IoU with any candidate, whatever its label.
is_candidate: 1 if the answer names or corrects a candidate by its number.
has_candidates: 1 if the question lists any.
"""

ALL_FEATURES = FEATURE_NAMES + CANDIDATE_NAMES
"""The features where the questions that a calibration is fitted on list candidates."""

SAME_BOX, DIGITS = 0.5, 4


def with_candidates(
    features: Sequence[Features | None], reading: Reading, asked: Asked, names: Sequence[str]
) -> list[Features | None]:
    """Return the features of each detection as `names` say: those of candidates behind the others, or not."""
    if tuple(names) != ALL_FEATURES:
        return list(features)
    own = candidate_features(reading, asked)
    return [None if row is None else (*row, *more) for row, more in zip(features, own, strict=True)]


def candidate_features(reading: Reading, asked: Asked) -> list[Features]:
    """Return the features of each detection that candidates give, as CANDIDATE_NAMES."""
    numbers = reading.candidates or (None,) * len(reading.detections)
    found: list[Features] = []
    for item, number in zip(reading.detections, numbers, strict=True):
        overlaps = [iou(item.box, box) if item.picture == 0 else 0.0 for box in asked.candidates]
        scores = [
            score
            for overlap, (label, score) in zip(overlaps, asked.proposals, strict=True)
            if overlap >= SAME_BOX and label in (None, item.label) and score is not None
        ]
        best = max(scores, default=0.0)
        values = (
            math.log((best + SOFTENING) / (1 - best + SOFTENING)),
            max(overlaps, default=0.0),
            float(number is not None),
            float(bool(asked.candidates)),
        )
        found.append(tuple(round(value, DIGITS) + 0.0 for value in values))
    return found
