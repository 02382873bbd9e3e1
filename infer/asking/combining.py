"""Several answers about one image made into one."""

from collections.abc import Iterable, Sequence

from grounding.boxes import iou
from grounding.samples import Detection
from infer.asking.answered import Answered

SAME_OBJECT = 0.5
"""IoU from which two boxes of one label are one object."""


def suppress(detections: Iterable[Detection], threshold: float = SAME_OBJECT) -> tuple[Detection, ...]:
    """Leave of boxes of one label that overlap the best alone: class-aware non-maximum suppression.

    The best is that of the highest score; without scores, and among equal ones, that which comes first.
    """
    kept: list[Detection] = []
    for item in sorted(detections, key=lambda item: -(item.score or 0.0)):
        if all(item.label != other.label or iou(item.box, other.box) < threshold for other in kept):
            kept.append(item)
    return tuple(kept)


def join(parts: Sequence[tuple[str, Answered]], detections: Iterable[Detection]) -> Answered:
    """Return one answer with these detections: its text holds every part's, each after its name."""
    raw = "\n".join(f"[{name}] {answered.raw}" for name, answered in parts)
    return Answered(
        raw, tuple(detections), tuple(problem for _, answered in parts for problem in answered.problems)
    )
