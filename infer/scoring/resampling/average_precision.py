"""Average precision of resampled images: COCO's accumulation, for many draws at once.

The sums follow pycocotools.cocoeval (accumulate) and give its AP where every image is drawn once. An image
drawn twice counts twice; among equal scores, its detections keep their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grounding.matching import AT_50, AT_75
from infer.scoring.resampling.ratios import FloatArray

RECALLS: FloatArray = np.linspace(0.0, 1.0, 101)
"""COCO reads the precision-recall curve at these recalls."""

NUMBERS_AT_ONCE = 500_000
"""Draws are processed in blocks of this many numbers, so that a block fits into the processor's cache."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RankedDetections:
    """The detections of one category, the highest score first.

    `images`, shape (detections,), is the position of each detection's image in the order of the image ids.
    `right` and `wrong`, shape (thresholds, detections), are both False for a detection in a crowd region.
    `objects`, shape (images,), counts the objects of each image.
    """

    images: IntArray
    right: npt.NDArray[np.bool_]
    wrong: npt.NDArray[np.bool_]
    objects: FloatArray


PRECISIONS = ("AP", "AP50", "AP75")
"""The metrics that are computed for each draw."""


def average_precisions(categories: Sequence[RankedDetections], weights: FloatArray) -> dict[str, FloatArray]:
    """Return AP, AP50 and AP75 of each draw, NaN where no object was drawn.

    `weights`, shape (draws, images), tells how often each draw holds each image, in whole numbers.
    """
    return mean_over_categories(category_precisions(categories, weights))


def category_precisions(categories: Sequence[RankedDetections], weights: FloatArray) -> FloatArray:
    """Return PRECISIONS of each category in each draw, shape (categories, 3, draws), NaN without an object.

    `weights`, shape (draws, images), tells how often each draw holds each image, in whole numbers.
    """
    from tqdm import tqdm

    found = np.full((len(categories), len(PRECISIONS), len(weights)), np.nan)
    bar = tqdm(categories, desc="bootstrap", unit="category", delay=2, leave=False)
    for values_of, category in zip(found, bar, strict=True):
        step = max(1, NUMBERS_AT_ONCE // max(1, category.right.size))
        for start in range(0, len(weights), step):
            block = slice(start, start + step)
            drawn = weights[block] @ category.objects > 0
            values = _average_precision(category, weights[block][drawn])  # (draws, thresholds)
            places = np.flatnonzero(drawn) + start
            values_of[:, places] = (values.mean(axis=1), values[:, AT_50], values[:, AT_75])
    return found


def mean_over_categories(found: FloatArray) -> dict[str, FloatArray]:
    """Return the means of `category_precisions` over the categories that have an object in the draw."""
    sums, defined = np.zeros(found.shape[1:]), np.zeros(found.shape[2])
    for values in found:
        sums += np.where(np.isnan(values), 0.0, values)
        defined += ~np.isnan(values[0])
    means = np.divide(sums, defined, out=np.full_like(sums, np.nan), where=defined > 0)
    return dict(zip(PRECISIONS, means, strict=True))


def _average_precision(category: RankedDetections, weights: FloatArray) -> FloatArray:
    """Return AP, shape (draws, thresholds), of a category with objects in every draw."""
    draws, (thresholds, detections) = len(weights), category.right.shape
    if not (draws and detections):
        return np.zeros((draws, thresholds))
    times = weights[:, category.images].astype(np.int32)[:, np.newaxis]
    right = np.cumsum(times * category.right, axis=2, dtype=np.int32)
    wrong = np.cumsum(times * category.wrong, axis=2, dtype=np.int32)
    precision = right / (wrong + right + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, :, ::-1], axis=2)[:, :, ::-1].reshape(-1, detections)
    # One search finds the first detection that reaches each recall, in all rows: each row has its own range.
    needed = _objects_needed(weights @ category.objects)  # (draws, recalls)
    row_range = int(max(needed.max(), right.max())) + 1
    rows = np.arange(draws * thresholds).reshape(-1, 1)
    keys = (right.reshape(-1, detections) + rows * row_range).ravel()
    queries = np.repeat(needed, thresholds, axis=0) + rows * row_range
    places = np.searchsorted(keys, queries.ravel(), side="left").reshape(queries.shape) - rows * detections
    reached = places < detections
    read = np.take_along_axis(envelope, np.where(reached, places, 0), axis=1)
    values: FloatArray = np.where(reached, read, 0.0).mean(axis=1)
    return values.reshape(draws, thresholds)


def _objects_needed(objects: FloatArray) -> IntArray:
    """Return how many objects must be found to reach each of COCO's recalls, shape (draws, recalls)."""
    total = objects[:, np.newaxis]
    needed = np.floor(RECALLS * total)
    needed += needed / total < RECALLS
    needed -= (needed > 0) & ((needed - 1) / total >= RECALLS)
    return needed.astype(np.int64)
