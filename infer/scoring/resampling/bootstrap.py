"""Bootstrap intervals: how much a score would vary with other images of the same kind.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile intervals).
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from infer.scoring.resampling.ratios import FloatArray

DRAWS = 1000
SEED = 0
LEVEL = 95
"""Percent of the draws that lie inside an interval."""

DIGITS = 6
"""Bounds are rounded to these digits: the last digits of sums of products differ between machines."""

Interval = tuple[float, float]


def draw_images(images: Sequence[Hashable], draws: int = DRAWS, seed: int = SEED) -> FloatArray:
    """Return how often each draw holds each entry, shape (draws, entries).

    Each draw takes as many images as there are, with replacement. Entries about the same image, such as
    several questions, are drawn together, because their answers are not independent.
    """
    places = {image: place for place, image in enumerate(dict.fromkeys(images))}
    generator = np.random.default_rng(seed)
    weights = np.empty((draws, len(places)))
    for row in weights:
        row[:] = np.bincount(generator.integers(0, len(places), len(places)), minlength=len(places))
    return weights[:, [places[image] for image in images]]


Entry = TypeVar("Entry", bound=Hashable)


def linked_groups(entries: Iterable[Entry], links: Iterable[Sequence[Entry]]) -> dict[Entry, Entry]:
    """Return for each entry one that stands for all that are linked with it, directly or not."""
    stands_for = {entry: entry for entry in entries}

    def find(entry: Entry) -> Entry:
        while stands_for[entry] != entry:
            stands_for[entry] = entry = stands_for[stands_for[entry]]
        return entry

    for first, *others in links:
        for other in others:
            stands_for[find(other)] = find(first)
    return {entry: find(entry) for entry in stands_for}


def interval(values: FloatArray) -> Interval | None:
    """Return the interval that holds LEVEL percent of the draws' values; None if no value is defined."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, ((100 - LEVEL) / 2, (100 + LEVEL) / 2))
    return round(float(low), DIGITS), round(float(high), DIGITS)
