"""The ceiling that a detector sets: the share of objects that the listed candidates have.

Objects and candidates of a question are matched one to one at an IoU of 0.5. A model can find what the
detector has missed, so that its recall can be higher. For questions about an expression, which no detector
knows, only the share under any label is measured.
"""

from grounding.candidates.found_objects import found_objects
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import BOXES, COUNTS, MeasuredRatios, Metric, MetricFamily
from infer.scoring.resampling.ratios import Ratio

_METRICS = {
    "candidate_recall": Metric("ceiling: objects among the candidates", BOXES, is_optional=True),
    "candidate_recall_any": Metric("ceiling under any label", BOXES, is_optional=True),
    "asked_with_candidates": Metric("questions with candidates", COUNTS, is_optional=True),
}


def measure_ceiling(evaluation: Evaluation) -> MeasuredRatios:
    """Measure the detector's recall on the questions of a run, those without candidates included."""
    found: list[int] = []
    found_any: list[int] = []
    labelled: list[int] = []
    total: list[int] = []
    for item in evaluation.predictions:
        objects = evaluation.objects.get(item.image_id, ())
        boxes = [(each.box, each.label) for each in item.candidates]
        is_expression = item.image_id in evaluation.expressions
        found.append(0 if is_expression else sum(found_objects(objects, boxes, any_label=False)))
        labelled.append(0 if is_expression else len(objects))
        found_any.append(sum(found_objects(objects, boxes, any_label=True)))
        total.append(len(objects))
    ratios = {
        "candidate_recall": Ratio.of(found, labelled),
        "candidate_recall_any": Ratio.of(found_any, total),
    }
    asked = sum(bool(item.candidates) for item in evaluation.predictions)
    defined = {key: ratio for key, ratio in ratios.items() if ratio.is_defined}
    return MeasuredRatios(defined, {"asked_with_candidates": asked})


CEILING = MetricFamily(_METRICS, measure_ceiling)
