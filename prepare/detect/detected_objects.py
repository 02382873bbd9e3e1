"""What a detector says of an object, checked."""

from typing import Any

from grounding.boxes import Box
from grounding.candidates.detector_results import DetectedBox
from grounding.errors import UserError


def read_found(item: Any, where: str) -> DetectedBox:
    """Return an object that a detector has found: label, corners in pixels and score.

    Raises:
        UserError: it is something else.
    """
    try:
        label, numbers, score = item
        box, confidence = Box(*map(float, numbers)), float(score)
        if not isinstance(label, str) or not box.is_finite or not 0 <= confidence <= 1:
            raise ValueError
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{where}: found {str(item)[:80]}, and not (label, [x1, y1, x2, y2], score from 0 to 1)"
        ) from error
    return DetectedBox(box, label, round(confidence, 4))
