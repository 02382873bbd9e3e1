"""Precision, recall and F1: one-to-one matching of detections with ground truth, class by class."""

from collections.abc import Sequence
from dataclasses import dataclass

from grounding.boxes import Box, iou_matrix
from grounding.samples import Detection


@dataclass(frozen=True)
class Matches:
    """IoU of each matched pair, and what found no partner; `ignored` detections count as neither."""

    ious: tuple[float, ...]
    false_positives: int
    false_negatives: int
    ignored: int = 0


def match_detections(
    detections: Sequence[Detection],
    objects: Sequence[Detection],
    crowds: Sequence[Detection] = (),
    *,
    iou_threshold: float,
) -> Matches:
    """Match detections with the objects of one image.

    Only pairs of one label with an IoU of at least the threshold can match. The pair of the highest IoU is
    matched first, both leave, and so on: detections have no reliable score to go by, and unlike a matching
    of maximal size this never gives up a better pair for more pairs. Equal pairs go in the order of the
    detections, then of the objects. A detection left over that lies by half in a crowd region of its label
    is ignored, as in COCO's evaluation.
    """
    ious: list[float] = []
    false_positives = false_negatives = ignored = 0
    for label in dict.fromkeys(item.label for item in (*detections, *objects)):
        found, wanted, crowd = (
            [item.box for item in group if item.label == label] for group in (detections, objects, crowds)
        )
        pairs = pair_boxes(found, wanted, iou_threshold)
        left = [box for row, box in enumerate(found) if row not in {pair[0] for pair in pairs}]
        in_crowd = sum(any(share_inside(box, region) >= iou_threshold for region in crowd) for box in left)
        ious += [pair[2] for pair in pairs]
        ignored += in_crowd
        false_positives += len(left) - in_crowd
        false_negatives += len(wanted) - len(pairs)
    return Matches(tuple(ious), false_positives, false_negatives, ignored)


def pair_boxes(found: list[Box], wanted: list[Box], threshold: float) -> list[tuple[int, int, float]]:
    """Return (row of found, row of wanted, IoU) of the matched pairs, the best first."""
    matrix = iou_matrix(found, wanted)
    pairs = [
        (row, column, float(matrix[row, column]))
        for row in range(len(found))
        for column in range(len(wanted))
        if matrix[row, column] >= threshold
    ]
    taken: list[tuple[int, int, float]] = []
    for pair in sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1])):
        if all(pair[0] != other[0] and pair[1] != other[1] for other in taken):
            taken.append(pair)
    return taken


def share_inside(box: Box, region: Box) -> float:
    """Return the share of the box's area that lies in the region."""
    width = min(box.x2, region.x2) - max(box.x1, region.x1)
    height = min(box.y2, region.y2) - max(box.y1, region.y1)
    return max(0.0, width) * max(0.0, height) / box.area if box.area > 0 else 0.0
