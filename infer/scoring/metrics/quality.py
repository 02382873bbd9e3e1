"""The quality of the answers as texts: what could be read, what was cut off, repeated or made up."""

from collections import Counter
from collections.abc import Mapping, Sequence

from grounding.answers.forms import OUT_OF_RANGE, TRUNCATED
from grounding.boxes import Size
from grounding.samples import Detection
from infer.runs.predictions import Prediction
from infer.scoring.metrics.ratios import Ratio

TOLERANCE_PIXELS = 0.5
"""So far may a box reach out of its image, for rounding's sake."""


def quality_ratios(
    predictions: Sequence[Prediction],
    categories: frozenset[str],
    expressions: Mapping[int, str],
    sizes: Mapping[int, Size],
) -> dict[str, Ratio]:
    """Return readable and truncated as shares of the images, the others as shares of the detections.

    Out of range are boxes whose numbers the reader had to clip or drop, and boxes that reach out of the
    image.
    """
    images = [1] * len(predictions)
    found = [len(item.detections) for item in predictions]
    clipped = [item.problems.count(OUT_OF_RANGE) for item in predictions]
    outside = [
        sum(_reaches_out(detection, sizes.get(item.image_id)) for detection in item.detections)
        for item in predictions
    ]
    return {
        "readable": Ratio.of((item.is_readable for item in predictions), images),
        "truncated": Ratio.of((TRUNCATED in item.problems for item in predictions), images),
        "duplicates": Ratio.of((_repeated(item.detections) for item in predictions), found),
        "unknown_labels": Ratio.of(
            (
                sum(
                    detection.label not in categories and detection.label != expressions.get(item.image_id)
                    for detection in item.detections
                )
                for item in predictions
            ),
            found,
        ),
        "out_of_range": Ratio.of(
            map(sum, zip(clipped, outside, strict=True)),
            (max(pair) for pair in zip(found, clipped, strict=True)),
        ),
    }


def count_problems(predictions: Sequence[Prediction]) -> dict[str, int]:
    """Return how often each named problem came up, the most frequent first."""
    counts = Counter(problem for item in predictions for problem in item.problems)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def count_unknown_labels(
    predictions: Sequence[Prediction], categories: frozenset[str], expressions: Mapping[int, str]
) -> dict[str, int]:
    """Return how often each label was answered that nobody asked for, the most frequent first."""
    counts = Counter(
        found.label
        for item in predictions
        for found in item.detections
        if found.label not in categories and found.label != expressions.get(item.image_id)
    )
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _repeated(detections: Sequence[Detection]) -> int:
    return len(detections) - len({(item.label, item.box) for item in detections})


def _reaches_out(detection: Detection, size: Size | None) -> bool:
    if size is None:
        return False
    x1, y1, x2, y2 = detection.box.xyxy
    return (
        min(x1, y1) < -TOLERANCE_PIXELS
        or x2 > size.width + TOLERANCE_PIXELS
        or y2 > size.height + TOLERANCE_PIXELS
    )
