"""The quality of the answers as texts: unreadable, cut off, repeated or made-up content."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

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
    """Return readable and truncated as shares of the answers, the others as shares of the detections.

    A box is out of range if its numbers had to be clipped or dropped, or if it sticks out of the image. An
    answer about several pictures counts once, at its first picture, and so do its problems.
    """
    answers = [item.place == 0 for item in predictions]
    found = [len(item.detections) for item in predictions]
    unknown = [len(_unknown_labels(item, categories, expressions)) for item in predictions]
    clipped = [
        _count_in(item.problems, OUT_OF_RANGE, OUT_OF_IMAGE) * is_first
        for item, is_first in zip(predictions, answers, strict=True)
    ]
    in_answer = [
        (len(item.detections) + item.found_elsewhere) * is_first
        for item, is_first in zip(predictions, answers, strict=True)
    ]
    outside = [
        sum(_sticks_out(detection, sizes.get(item.image_id)) for detection in item.detections)
        for item in predictions
    ]
    return {
        "readable": _of_answers((item.is_readable for item in predictions), answers),
        "truncated": _of_answers((TRUNCATED in item.problems for item in predictions), answers),
        "duplicates": Ratio.of((_count_repeated(item.detections) for item in predictions), found),
        "unknown_labels": Ratio.of(unknown, found),
        "out_of_range": Ratio.of(
            map(sum, zip(clipped, outside, strict=True)),
            (max(pair) for pair in zip(in_answer, clipped, strict=True)),
        ),
    }


def _of_answers(has: Iterable[bool], answers: Sequence[bool]) -> Ratio:
    """Return the share of the answers that have something; False in `answers` counts with another one."""
    return Ratio.of((each and is_first for each, is_first in zip(has, answers, strict=True)), answers)


def _count_in(problems: Sequence[str], *names: str) -> int:
    return sum(problems.count(name) for name in names)


def count_problems(predictions: Sequence[Prediction]) -> dict[str, int]:
    """Return how often each named problem occurred in the answers, the most frequent first."""
    answers = (item for item in predictions if item.place == 0)
    return _most_frequent_first(Counter(problem for item in answers for problem in item.problems))


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
