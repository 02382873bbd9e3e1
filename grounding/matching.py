"""One-to-one matching of detections with objects, label by label, for all IoU thresholds at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grounding.boxes import Box, iou_matrix
from grounding.samples import Detection

IOU_THRESHOLDS: npt.NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
"""COCO's thresholds: 0.50, 0.55, ... 0.95. Boxes with a smaller IoU are never matched."""

AT_50, AT_75, AT_95 = 0, 5, 9
"""Positions in IOU_THRESHOLDS of the thresholds 0.50, 0.75 and 0.95."""


@dataclass(frozen=True)
class Matches:
    """The detections of one question, matched with its objects.

    `ious` has the IoU of each detection with its matched object, 0 without one. `in_crowd` has the share of
    each detection's area that lies in a crowd region of its label. Both are in the order of the detections.
    At a threshold, a detection with a smaller IoU is wrong; as in COCO's evaluation, it is ignored instead if
    its share in a crowd region reaches the threshold.
    """

    labels: tuple[str, ...]
    ious: tuple[float, ...]
    in_crowd: tuple[float, ...]
    object_labels: tuple[str, ...]

    def count(self, position: int, label: str | None = None) -> tuple[int, int, int]:
        """Return the numbers of right detections, wrong detections and missed objects.

        `position` is the threshold's position in IOU_THRESHOLDS. With a `label`, only that label is counted.
        """
        threshold = float(IOU_THRESHOLDS[position])
        of_label = [row for row, name in enumerate(self.labels) if label in (None, name)]
        right = sum(self.ious[row] >= threshold for row in of_label)
        ignored = sum(self.ious[row] < threshold <= self.in_crowd[row] for row in of_label)
        objects = len(self.object_labels) if label is None else self.object_labels.count(label)
        return right, len(of_label) - right - ignored, objects - right

    @property
    def agreement(self) -> float:
        """The mean IoU of all objects; missed objects and wrong detections (at IoU 0.5) count as 0."""
        right, wrong, missed = self.count(AT_50)
        return mean_overlap(self.ious, right + wrong + missed)


def match_detections(
    detections: Sequence[Detection], objects: Sequence[Detection], crowds: Sequence[Detection] = ()
) -> Matches:
    """Match detections with the objects of one question.

    Only pairs with one label can match, of one picture where the question has several. The matching is
    greedy: the pair with the highest IoU is matched first, then the best pair of the remaining boxes, and so
    on down to an IoU of 0.5. Pairs with equal IoUs are matched in the order of the detections, then of the
    objects.

    Scores play no part, because detections may have none. Unlike a matching with the most pairs, the greedy
    one never gives up a better pair, so the matching at a higher threshold is the part of this one that
    reaches the threshold.
    """
    ious = [0.0] * len(detections)
    for row, _, overlap in pair_by_label(detections, objects, float(IOU_THRESHOLDS[AT_50])):
        ious[row] = overlap
    in_crowd = (
        max(
            (share_inside(item.box, crowd.box) for crowd in crowds if _kind(crowd) == _kind(item)),
            default=0.0,
        )
        for item in detections
    )
    return Matches(
        tuple(item.label for item in detections),
        tuple(ious),
        tuple(in_crowd),
        tuple(item.label for item in objects),
    )


def pair_by_label(
    found: Sequence[Detection], wanted: Sequence[Detection], threshold: float
) -> list[tuple[int, int, float]]:
    """Match the boxes of each label in each picture as `pair_boxes` does.

    Returns (index in found, index in wanted, IoU) of each pair.
    """
    pairs: list[tuple[int, int, float]] = []
    for kind in dict.fromkeys(map(_kind, wanted)):
        rows = [row for row, item in enumerate(found) if _kind(item) == kind]
        columns = [column for column, item in enumerate(wanted) if _kind(item) == kind]
        boxes = [found[row].box for row in rows], [wanted[column].box for column in columns]
        pairs += [
            (rows[row], columns[column], overlap) for row, column, overlap in pair_boxes(*boxes, threshold)
        ]
    return pairs


def _kind(item: Detection) -> tuple[str, int]:
    """Return what two boxes of one object have in common: the label, and the picture."""
    return item.label, item.picture


def pair_boxes(found: list[Box], wanted: list[Box], threshold: float) -> list[tuple[int, int, float]]:
    """Match boxes greedily; return (index in found, index in wanted, IoU) of each pair, the best first."""
    matrix = iou_matrix(found, wanted)
    pairs = [
        (int(row), int(column), float(matrix[row, column]))
        for row, column in np.argwhere(matrix >= threshold)
    ]
    taken: list[tuple[int, int, float]] = []
    rows, columns = set[int](), set[int]()
    for pair in sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1])):
        if pair[0] not in rows and pair[1] not in columns:
            taken.append(pair)
            rows.add(pair[0])
            columns.add(pair[1])
    return taken


def share_inside(box: Box, region: Box) -> float:
    """Return the share of the box's area that lies in the region, 0..1."""
    width = min(box.x2, region.x2) - max(box.x1, region.x1)
    height = min(box.y2, region.y2) - max(box.y1, region.y1)
    return max(0.0, width) * max(0.0, height) / box.area if box.area > 0 else 0.0


def mean_overlap(ious: Iterable[float], objects: int) -> float:
    """Return the sum of the IoUs divided by the number of objects; 1 without objects."""
    return sum(ious) / objects if objects else 1.0
