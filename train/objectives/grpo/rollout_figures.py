"""What the curves of GRPO show."""

from collections.abc import Iterable, Sequence

from grounding.boxes import iou
from grounding.matching import AT_50, match_detections
from grounding.samples import Detection
from train.objectives.grpo.rollouts import Collected

COPY = 0.9
"""A box with this IoU with an earlier box of its label is a copy."""


def figures_of(collected: Collected) -> dict[str, float]:
    """Return the figures of an update's answers, by the name of their curve.

    reward is the mean over the answers, F1 that of all boxes at IoU 0.5. boxes is the number of boxes divided
    by that of objects. copies is a share of the boxes, cut of all answers, empty of the answers to questions
    about something that is there, false_boxes of those about something that is not. entropy, in nats, is that
    of the model before a token, the mean over the answers. dead and failed are shares of the groups.
    """
    sampled = collected.sampled
    counts = [match_detections(each.reading.detections, each.wanted).count(AT_50) for each in sampled]
    right, wrong, missed = (sum(column) for column in zip(*counts, strict=True))
    boxes = sum(len(each.reading.detections) for each in sampled)
    objects = sum(len(each.wanted) for each in sampled)
    asked = [each for each in sampled if each.wanted]
    absent = [each for each in sampled if not each.wanted]
    return {
        "reward": mean(each.reward for each in sampled),
        "F1": 2 * right / max(1, 2 * right + wrong + missed),
        "boxes": boxes / max(1, objects),
        "copies": sum(count_copies(each.reading.detections) for each in sampled) / max(1, boxes),
        "empty": mean(not each.reading.detections for each in asked),
        "false_boxes": mean(bool(each.reading.detections) for each in absent),
        "cut": mean(each.is_cut for each in sampled),
        "entropy": mean(each.entropy for each in sampled),
        "tokens": mean(len(each.token_ids) for each in sampled),
        "dead": collected.dead / collected.groups,
        "failed": collected.failed / collected.groups,
        "sampling_seconds": collected.sampling_seconds,
        "reward_seconds": collected.reward_seconds,
    }


def count_copies(detections: Sequence[Detection], least: float = COPY) -> int:
    """Return how many boxes have an IoU of `least` with an earlier one of their label."""
    return sum(
        any(other.label == item.label and iou(other.box, item.box) >= least for other in detections[:place])
        for place, item in enumerate(detections)
    )


def mean(values: Iterable[float]) -> float:
    """Return the mean, 0 without values."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
