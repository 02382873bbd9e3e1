"""Referring expressions: does the box of the answer fit the object that the expression describes?

For expressions of one object, the scores are RefCOCO's (Yu et al., Modeling Context in Referring
Expressions, ECCV 2016; Mao et al., Generation and Comprehension of Unambiguous Object Descriptions, CVPR
2016): a box is right if its IoU with the object is at least 0.5, whatever its label. Of several boxes, the
one with the highest score counts, the first among equals.

Expressions of no object or of several objects are scored as in gRefCOCO (He et al., GREC, arXiv 2308.16182):
N-acc is the share of expressions of no object that are answered without a box; precision at F1 = 1 is the
share of all expressions whose answer has exactly the right boxes at IoU 0.5.
"""

from collections.abc import Mapping, Sequence

from grounding.boxes import iou
from grounding.matching import AT_50, IOU_THRESHOLDS, pair_boxes
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import (
    COUNTS,
    EXPRESSIONS,
    MeasuredRatios,
    Metric,
    MetricFamily,
    count_questions,
)
from infer.scoring.resampling.ratios import Ratio

ACCURACIES = {"ref_accuracy_50": 0.5, "ref_accuracy_75": 0.75, "ref_accuracy_90": 0.9}
"""Key -> least IoU of a right box."""

_METRICS = {
    "ref_accuracy_50": Metric("accuracy at IoU 0.50", EXPRESSIONS, is_optional=True),
    "ref_accuracy_75": Metric("accuracy at IoU 0.75", EXPRESSIONS, is_optional=True),
    "ref_accuracy_90": Metric("accuracy at IoU 0.90", EXPRESSIONS, is_optional=True),
    "ref_mean_iou": Metric(
        "mean IoU, 0 where nothing was found", EXPRESSIONS, is_share=False, is_optional=True
    ),
    "ref_no_target_accuracy": Metric(
        "expressions for nothing, rightly rejected", EXPRESSIONS, is_optional=True
    ),
    "ref_exact": Metric("answers that are exactly right", EXPRESSIONS, is_optional=True),
    "ref_expressions": Metric("expressions for one object", COUNTS, is_optional=True),
    "ref_no_target": Metric("expressions for nothing", COUNTS, is_optional=True),
}


def measure_expressions(evaluation: Evaluation) -> MeasuredRatios:
    """Measure the answers to questions about a referring expression."""
    ratios = expression_ratios(evaluation.predictions, evaluation.expressions, evaluation.objects)
    keys = {"ref_accuracy_50": "ref_expressions", "ref_no_target_accuracy": "ref_no_target"}
    return MeasuredRatios(ratios, count_questions(ratios, keys))


def expression_ratios(
    predictions: Sequence[Prediction],
    expressions: Mapping[int, str],
    objects: Mapping[int, Sequence[Detection]],
) -> dict[str, Ratio]:
    """Return the metrics of questions about expressions; metrics without such a question are left out."""
    targets = [objects.get(item.image_id, ()) for item in predictions]
    is_expression = [item.image_id in expressions for item in predictions]
    pairs = list(zip(predictions, targets, strict=True))
    has_one_target = [
        is_one and len(boxes) == 1 for is_one, boxes in zip(is_expression, targets, strict=True)
    ]
    has_no_target = [is_one and not boxes for is_one, boxes in zip(is_expression, targets, strict=True)]
    overlaps = [
        overlap_of_best(item.detections, boxes[0]) if counts else 0.0
        for (item, boxes), counts in zip(pairs, has_one_target, strict=True)
    ]
    rejected = [
        counts and not item.detections for item, counts in zip(predictions, has_no_target, strict=True)
    ]
    exact = [counts and _is_exact(*pair) for pair, counts in zip(pairs, is_expression, strict=True)]
    ratios = {
        key: Ratio.of((overlap >= threshold for overlap in overlaps), has_one_target)
        for key, threshold in ACCURACIES.items()
    }
    ratios["ref_mean_iou"] = Ratio.of(overlaps, has_one_target)
    ratios["ref_no_target_accuracy"] = Ratio.of(rejected, has_no_target)
    ratios["ref_exact"] = Ratio.of(exact, is_expression)
    return {key: ratio for key, ratio in ratios.items() if ratio.is_defined}


def overlap_of_best(detections: Sequence[Detection], target: Detection) -> float:
    """Return the IoU of the box with the highest score and the target; 0 without a box."""
    if not detections:
        return 0.0
    best = max(detections, key=lambda item: 1.0 if item.score is None else item.score)
    return iou(best.box, target.box)


def _is_exact(prediction: Prediction, objects: Sequence[Detection]) -> bool:
    found = [item.box for item in prediction.detections]
    pairs = pair_boxes(found, [item.box for item in objects], float(IOU_THRESHOLDS[AT_50]))
    return len(pairs) == len(found) == len(objects)


REFERRING = MetricFamily(_METRICS, measure_expressions)
