"""Boxes in the wrong picture: how often a model confuses the pictures of a question.

A box counts in the picture that the answer names, so that one in the wrong picture is false there, and its
object is missed in the other. Of these boxes, the share is measured that would be right at IoU 0.5 if the
answer had named another picture of the question: the same place on the 0..1000 grid, the same label, and an
object there that no other box has found.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from grounding.boxes import Box, Size
from grounding.matching import AT_50, IOU_THRESHOLDS, pair_by_label, share_inside
from grounding.predictions.annotations import image_sizes
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import BOXES, COUNTS, MeasuredRatios, Metric, MetricFamily
from infer.scoring.resampling.ratios import Ratio

THRESHOLD = float(IOU_THRESHOLDS[AT_50])

_METRICS = {
    "wrong_picture": Metric(
        "boxes right in another picture of the question", BOXES, less_is_better=True, is_optional=True
    ),
    "wrong_picture_boxes": Metric("boxes right in another picture", COUNTS, is_optional=True),
    "several_pictures": Metric("questions with several pictures", COUNTS, is_optional=True),
}


def measure_wrong_pictures(evaluation: Evaluation) -> MeasuredRatios:
    """Measure the share of boxes that would be right in another picture of their question."""
    by_id = {item.image_id: item for item in evaluation.predictions}
    asked = [item for item in by_id.values() if item.together and item.place == 0]
    sizes = image_sizes(evaluation.annotations)
    wrong = dict.fromkeys(by_id, 0)
    for first in asked:
        pictures = [by_id[image_id] for image_id in first.together if image_id in by_id]
        for image_id in _in_wrong_picture(pictures, evaluation.objects, evaluation.crowds, sizes):
            wrong[image_id] += 1
    of_several = [len(item.detections) if item.together else 0 for item in evaluation.predictions]
    parts = [wrong[item.image_id] for item in evaluation.predictions]
    ratio = Ratio.of(parts, of_several)
    counts = {"wrong_picture_boxes": sum(parts), "several_pictures": len(asked)}
    return MeasuredRatios({"wrong_picture": ratio} if ratio.is_defined else {}, counts)


def _in_wrong_picture(
    pictures: Sequence[Prediction],
    objects: Mapping[int, Sequence[Detection]],
    crowds: Mapping[int, Sequence[Detection]],
    sizes: Mapping[int, Size],
) -> Iterator[int]:
    """Yield the picture of each box that would be right in another one; a box and an object count once."""
    false: list[tuple[int, Detection]] = []
    missed: dict[int, list[Detection]] = {}
    for item in pictures:
        wanted = objects.get(item.image_id, ())
        pairs = pair_by_label(item.detections, wanted, THRESHOLD)
        right, found = {row for row, _, _ in pairs}, {column for _, column, _ in pairs}
        missed[item.image_id] = [each for place, each in enumerate(wanted) if place not in found]
        regions = crowds.get(item.image_id, ())
        false += [
            (item.image_id, each)
            for row, each in enumerate(item.detections)
            if row not in right and not _is_in_crowd(each, regions)
        ]
    for image_id, left in missed.items():
        others = [
            (place, replace(each, box=_moved(each.box, sizes[own], sizes[image_id])))
            for place, (own, each) in enumerate(false)
            if own != image_id and own in sizes and image_id in sizes
        ]
        pairs = pair_by_label([each for _, each in others], left, THRESHOLD)
        taken = {others[row][0] for row, _, _ in pairs}
        yield from (false[place][0] for place in sorted(taken))
        false = [pair for place, pair in enumerate(false) if place not in taken]


def _is_in_crowd(found: Detection, regions: Sequence[Detection]) -> bool:
    return any(
        each.label == found.label and share_inside(found.box, each.box) >= THRESHOLD for each in regions
    )


def _moved(box: Box, own: Size, other: Size) -> Box:
    """Return the box at the same place of another picture, whatever the sizes of both."""
    across, down = other.width / own.width, other.height / own.height
    return Box(box.x1 * across, box.y1 * down, box.x2 * across, box.y2 * down)


WRONG_PICTURES = MetricFamily(_METRICS, measure_wrong_pictures)
