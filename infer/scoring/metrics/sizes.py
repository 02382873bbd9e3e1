"""How much was scored: images, true objects and predicted objects."""

from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import COUNTS, MeasuredRatios, Metric, MetricFamily

_METRICS = {
    "images": Metric("images", COUNTS),
    "images_in_data_set": Metric("images in the data set", COUNTS),
    "objects": Metric("true objects", COUNTS),
    "detections": Metric("predicted objects", COUNTS),
}


def measure_sizes(evaluation: Evaluation) -> MeasuredRatios:
    """Count; crowd regions are no objects."""
    counts = {
        "images": len(evaluation.predictions),
        "images_in_data_set": evaluation.images_in_data_set,
        "objects": sum(map(len, evaluation.objects.values())),
        "detections": sum(len(item.detections) for item in evaluation.predictions),
    }
    return MeasuredRatios(counts=counts)


DATA_SIZES = MetricFamily(_METRICS, measure_sizes)
