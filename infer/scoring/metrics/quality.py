"""The quality of the answers as texts: unreadable, cut off, repeated or made-up content."""

from collections import Counter
from collections.abc import Mapping, Sequence

from grounding.answers.forms import OUT_OF_IMAGE, OUT_OF_RANGE, TRUNCATED
from grounding.boxes import Size
from grounding.predictions.annotations import image_sizes
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import ANSWERS, MeasuredRatios, Metric, MetricFamily
from infer.scoring.resampling.ratios import Ratio

TOLERANCE_PIXELS = 0.5
"""Boxes may stick out of the image by this many pixels (rounding)."""

_METRICS = {
    "readable": Metric("readable answers", ANSWERS),
    "truncated": Metric("answers cut off", ANSWERS, less_is_better=True),
    "duplicates": Metric("repeated objects", ANSWERS, less_is_better=True),
    "unknown_labels": Metric("labels that are no category", ANSWERS, less_is_better=True),
    "out_of_range": Metric("boxes out of range", ANSWERS, less_is_better=True),
}


def measure_quality(evaluation: Evaluation) -> MeasuredRatios:
    """Measure the quality of the answers."""
    sizes = image_sizes(evaluation.annotations)
    return MeasuredRatios(
        quality_ratios(evaluation.predictions, evaluation.categories, evaluation.expressions, sizes)
    )


def quality_ratios(
    predictions: Sequence[Prediction],
    categories: frozenset[str],
    expressions: Mapping[int, str],
    sizes: Mapping[int, Size],
) -> dict[str, Ratio]:
    """Return readable and truncated as shares of the images, the others as shares of the detections.

    A box is out of range if its numbers had to be clipped or dropped, or if it sticks out of the image.
    """
    images = [1] * len(predictions)
    found = [len(item.detections) for item in predictions]
    unknown = [len(_unknown_labels(item, categories, expressions)) for item in predictions]
    clipped = [item.problems.count(OUT_OF_RANGE) + item.problems.count(OUT_OF_IMAGE) for item in predictions]
    outside = [
        sum(_sticks_out(detection, sizes.get(item.image_id)) for detection in item.detections)
        for item in predictions
    ]
    return {
        "readable": Ratio.of((item.is_readable for item in predictions), images),
        "truncated": Ratio.of((TRUNCATED in item.problems for item in predictions), images),
        "duplicates": Ratio.of((_count_repeated(item.detections) for item in predictions), found),
        "unknown_labels": Ratio.of(unknown, found),
        "out_of_range": Ratio.of(
            map(sum, zip(clipped, outside, strict=True)),
            (max(pair) for pair in zip(found, clipped, strict=True)),
        ),
    }


def count_problems(predictions: Sequence[Prediction]) -> dict[str, int]:
    """Return how often each named problem occurred, the most frequent first."""
    return _most_frequent_first(Counter(problem for item in predictions for problem in item.problems))


def count_unknown_labels(
    predictions: Sequence[Prediction], categories: frozenset[str], expressions: Mapping[int, str]
) -> dict[str, int]:
    """Return how often each label occurred that the question did not name, the most frequent first."""
    return _most_frequent_first(
        Counter(label for item in predictions for label in _unknown_labels(item, categories, expressions))
    )


def _unknown_labels(
    prediction: Prediction, categories: frozenset[str], expressions: Mapping[int, str]
) -> list[str]:
    expression = expressions.get(prediction.image_id)
    labels = (found.label for found in prediction.detections)
    return [label for label in labels if label not in categories and label != expression]


def _most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _count_repeated(detections: Sequence[Detection]) -> int:
    return len(detections) - len({(item.label, item.box) for item in detections})


def _sticks_out(detection: Detection, size: Size | None) -> bool:
    if size is None:
        return False
    x1, y1, x2, y2 = detection.box.xyxy
    return (
        min(x1, y1) < -TOLERANCE_PIXELS
        or x2 > size.width + TOLERANCE_PIXELS
        or y2 > size.height + TOLERANCE_PIXELS
    )


ANSWER_QUALITY = MetricFamily(_METRICS, measure_quality)
