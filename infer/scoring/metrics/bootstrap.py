"""Bootstrap intervals: how far a score would move if the images were others of the same kind.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile intervals).
"""

from collections.abc import Hashable, Sequence

import numpy as np

from infer.scoring.metrics.ratios import FloatArray

DRAWS = 1000
SEED = 0
LEVEL = 95
"""Percent of the draws that lie inside an interval."""

DIGITS = 6
"""Sums of products differ between machines in their last digits, which an interval has no use for."""

Interval = tuple[float, float]


def draw_images(images: Sequence[Hashable], draws: int = DRAWS, seed: int = SEED) -> FloatArray:
    """Return how often each entry was drawn, shape (draws, entries).

    As many images are drawn as there are, with replacement. Entries about one image, such as several
    questions about it, are drawn together: they are right or wrong together.
    """
    places = {image: place for place, image in enumerate(dict.fromkeys(images))}
    generator = np.random.default_rng(seed)
    weights = np.empty((draws, len(places)))
    for row in weights:
        row[:] = np.bincount(generator.integers(0, len(places), len(places)), minlength=len(places))
    return weights[:, [places[image] for image in images]]


def interval(values: FloatArray) -> Interval | None:
    """Return the interval that holds LEVEL percent of the draws' values; None where none is defined."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, ((100 - LEVEL) / 2, (100 + LEVEL) / 2))
    return round(float(low), DIGITS), round(float(high), DIGITS)
