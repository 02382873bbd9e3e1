"""Which predicted boxes are right, with their scores."""

from collections.abc import Iterable, Mapping, Sequence

from grounding.matching import AT_50, IOU_THRESHOLDS, pair_boxes, share_inside
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection

RIGHT_IOU = float(IOU_THRESHOLDS[AT_50])
"""A box with this IoU with its object is right."""


def judge_boxes(
    predictions: Iterable[Prediction],
    objects: Mapping[int, Sequence[Detection]],
    crowds: Mapping[int, Sequence[Detection]],
) -> list[tuple[float | None, bool]]:
    """Return the score of each detection, and whether it matches an object of its label at IoU 0.5.

    Objects and detections are matched one to one (`grounding.matching.pair_boxes`). Unmatched detections in
    a crowd region of their label are left out. `objects` and `crowds` are by image id.
    """
    judged: list[tuple[float | None, bool]] = []
    for prediction in predictions:
        for label in dict.fromkeys(found.label for found in prediction.detections):
            found, wanted, regions = (
                [item for item in items if item.label == label]
                for items in (
                    prediction.detections,
                    objects.get(prediction.image_id, ()),
                    crowds.get(prediction.image_id, ()),
                )
            )
            pairs = pair_boxes([item.box for item in found], [item.box for item in wanted], RIGHT_IOU)
            right = {row for row, _, _ in pairs}
            judged += [
                (item.score, row in right)
                for row, item in enumerate(found)
                if row in right or not any(share_inside(item.box, each.box) >= RIGHT_IOU for each in regions)
            ]
    return judged
