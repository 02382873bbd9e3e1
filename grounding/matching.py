"""One-to-one matching of detections with ground truth, label by label, for all IoU thresholds at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grounding.boxes import Box, iou_matrix
from grounding.samples import Detection

IOU_THRESHOLDS: npt.NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
"""0.50, 0.55, ... 0.95, as in COCO's evaluation; boxes with a smaller IoU never match."""

AT_50, AT_75, AT_95 = 0, 5, 9
"""Indices of the thresholds that have metrics of their own."""


@dataclass(frozen=True)
class Matches:
    """The detections of one image after matching.

    In the order of the detections: `ious` has the IoU with the matched object, 0 without one; `in_crowd` has
    the share of the detection inside a crowd region of its label. At a threshold, a detection with a smaller
    IoU is wrong; it is ignored if `in_crowd` reaches the threshold, as in COCO's evaluation.
    """

    labels: tuple[str, ...]
    ious: tuple[float, ...]
    in_crowd: tuple[float, ...]
    object_labels: tuple[str, ...]

    def count(self, place: int, label: str | None = None) -> tuple[int, int, int]:
        """Return the numbers of right detections, wrong detections and missed objects.

        `place` is the index of the threshold in IOU_THRESHOLDS; `label` limits the count to one label.
        """
        threshold = float(IOU_THRESHOLDS[place])
        of_label = [row for row, name in enumerate(self.labels) if label in (None, name)]
        right = sum(self.ious[row] >= threshold for row in of_label)
        ignored = sum(self.ious[row] < threshold <= self.in_crowd[row] for row in of_label)
        objects = len(self.object_labels) if label is None else self.object_labels.count(label)
        return right, len(of_label) - right - ignored, objects - right

    @property
    def agreement(self) -> float:
        """The mean IoU over right, wrong and missed objects at IoU 0.5; wrong and missed ones count 0."""
        right, wrong, missed = self.count(AT_50)
        return mean_overlap(self.ious, right + wrong + missed)


def match_detections(
    detections: Sequence[Detection], objects: Sequence[Detection], crowds: Sequence[Detection] = ()
) -> Matches:
    """Match detections with the objects of one image.

    Only boxes with the same label can match. The pair with the highest IoU is matched first and removed, and
    so on down to an IoU of 0.5. Scores are not used, as they are not reliable. Unlike a matching of
    maximal size, this never gives up a better pair for more pairs; so the pairs that reach a higher threshold
    are the matching at that threshold. Ties go in the order of detections, then of objects.
    """
    ious = [0.0] * len(detections)
    for label in dict.fromkeys(item.label for item in objects):
        rows = [row for row, item in enumerate(detections) if item.label == label]
        found = [detections[row].box for row in rows]
        wanted = [item.box for item in objects if item.label == label]
        for row, _, overlap in pair_boxes(found, wanted, float(IOU_THRESHOLDS[AT_50])):
            ious[rows[row]] = overlap
    in_crowd = (
        max((share_inside(item.box, crowd.box) for crowd in crowds if crowd.label == item.label), default=0.0)
        for item in detections
    )
    return Matches(
        tuple(item.label for item in detections),
        tuple(ious),
        tuple(in_crowd),
        tuple(item.label for item in objects),
    )


def pair_boxes(found: list[Box], wanted: list[Box], threshold: float) -> list[tuple[int, int, float]]:
    """Return (index in found, index in wanted, IoU) of the matched pairs, the best first."""
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
    """Return the share of the box's area inside the region."""
    width = min(box.x2, region.x2) - max(box.x1, region.x1)
    height = min(box.y2, region.y2) - max(box.y1, region.y1)
    return max(0.0, width) * max(0.0, height) / box.area if box.area > 0 else 0.0


def mean_overlap(ious: Iterable[float], objects: int) -> float:
    """Return the sum of IoUs divided by a number of objects; 1 if there are no objects."""
    return sum(ious) / objects if objects else 1.0
