"""Referring expressions: is the box of the answer the object that is meant?

As RefCOCO is scored (Yu et al., Modeling Context in Referring Expressions, ECCV 2016; Mao et al., Generation
and Comprehension of Unambiguous Object Descriptions, CVPR 2016): one object is meant, one box is answered,
right where their IoU is at least 0.5; the box's label does not count. Of several boxes, the one with the
highest score counts, or the first among equals. Expressions for no object, or for several, stand apart, as in
gRefCOCO (He et al., GREC, arXiv 2308.16182): N-acc, the share of expressions for nothing that are answered
without a box, and precision at F1 = 1, the share of all expressions whose answer is exactly right at IoU 0.5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grounding.boxes import iou
from grounding.matching import AT_50, IOU_THRESHOLDS, pair_boxes
from grounding.samples import Detection
from infer.runs.predictions import Prediction
from infer.scoring.metrics.ratios import Ratio

ACCURACIES = {"ref_accuracy_50": 0.5, "ref_accuracy_75": 0.75, "ref_accuracy_90": 0.9}


def expression_ratios(
    predictions: Sequence[Prediction],
    expressions: Mapping[int, str],
    objects: Mapping[int, Sequence[Detection]],
) -> dict[str, Ratio]:
    """Return the metrics of the questions about expressions; what no expression defines is left out."""
    wanted = [objects.get(item.image_id, ()) for item in predictions]
    is_asked = [item.image_id in expressions for item in predictions]
    pairs = list(zip(predictions, wanted, strict=True))
    for_one = [asked and len(boxes) == 1 for asked, boxes in zip(is_asked, wanted, strict=True)]
    for_none = [asked and not boxes for asked, boxes in zip(is_asked, wanted, strict=True)]
    overlaps = [
        overlap_of_best(item.detections, boxes[0]) if counts else 0.0
        for (item, boxes), counts in zip(pairs, for_one, strict=True)
    ]
    ratios = {
        key: Ratio.of((overlap >= threshold for overlap in overlaps), for_one)
        for key, threshold in ACCURACIES.items()
    }
    ratios["ref_mean_iou"] = Ratio.of(overlaps, for_one)
    ratios["ref_no_target_accuracy"] = Ratio.of(
        (counts and not item.detections for item, counts in zip(predictions, for_none, strict=True)), for_none
    )
    ratios["ref_exact"] = Ratio.of(
        (asked and _is_exact(*pair) for pair, asked in zip(pairs, is_asked, strict=True)), is_asked
    )
    return {key: ratio for key, ratio in ratios.items() if ratio.is_defined}


def overlap_of_best(detections: Sequence[Detection], target: Detection) -> float:
    """Return the IoU of the one box that counts with the object that is meant; 0 without a box."""
    if not detections:
        return 0.0
    best = max(detections, key=lambda item: 1.0 if item.score is None else item.score)
    return iou(best.box, target.box)


def with_categories(
    predictions: Sequence[Prediction],
    expressions: Mapping[int, str],
    true_names: Mapping[int, str],
    otherwise: str,
) -> list[Prediction]:
    """Give what was found for an expression the category of its truth, which COCO's AP goes by.

    Where nothing matches the expression it gets the category `otherwise`: a false positive of any is one.
    """

    def translate(item: Prediction) -> Prediction:
        name = true_names.get(item.image_id, otherwise)
        expression = expressions.get(item.image_id)
        found = (replace(one, label=name) if one.label == expression else one for one in item.detections)
        return replace(item, detections=tuple(found))

    return [translate(item) for item in predictions]


def _is_exact(prediction: Prediction, objects: Sequence[Detection]) -> bool:
    found = [item.box for item in prediction.detections]
    pairs = pair_boxes(found, [item.box for item in objects], float(IOU_THRESHOLDS[AT_50]))
    return len(pairs) == len(found) == len(objects)
