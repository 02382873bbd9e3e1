"""Average precision of resampled images: COCO's accumulation, for many draws at once.

faster-coco-eval computes the IoUs. Matching and sums follow pycocotools.cocoeval (evaluateImg, accumulate)
and give its AP where every image is drawn once. An image drawn twice counts twice; among equal scores, its
detections keep their order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grounding.matching import AT_50, AT_75, IOU_THRESHOLDS
from infer.scoring.resampling.ratios import FloatArray

RECALLS: FloatArray = np.linspace(0.0, 1.0, 101)
"""COCO reads the precision-recall curve at these recalls."""

NUMBERS_AT_ONCE = 500_000
"""Draws are processed in blocks of this many numbers, so that a block fits into the processor's cache."""

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RankedDetections:
    """The detections of one category, the highest score first.

    `images`, shape (detections,), is the position of each detection's image in the order of the image ids.
    `right` and `wrong`, shape (thresholds, detections), are both False for a detection in a crowd region.
    `objects`, shape (images,), counts the objects of each image.
    """

    images: IntArray
    right: BoolArray
    wrong: BoolArray
    objects: FloatArray


def average_precisions(categories: Sequence[RankedDetections], weights: FloatArray) -> dict[str, FloatArray]:
    """Return AP, AP50 and AP75 of each draw, NaN where no object was drawn.

    `weights`, shape (draws, images), tells how often each draw holds each image, in whole numbers.
    """
    from tqdm import tqdm

    sums = np.zeros((3, len(weights)))
    defined = np.zeros(len(weights))
    for category in tqdm(categories, desc="bootstrap", unit="category", delay=2, leave=False):
        step = max(1, NUMBERS_AT_ONCE // max(1, category.right.size))
        for start in range(0, len(weights), step):
            block = slice(start, start + step)
            drawn = weights[block] @ category.objects > 0
            values = _average_precision(category, weights[block][drawn])  # (draws, thresholds)
            places = np.flatnonzero(drawn) + start
            sums[:, places] += (values.mean(axis=1), values[:, AT_50], values[:, AT_75])
            defined[places] += 1
    means = np.divide(sums, defined, out=np.full_like(sums, np.nan), where=defined > 0)
    return dict(zip(("AP", "AP50", "AP75"), means, strict=True))


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


def rank_detections(
    evaluation: Any, annotations: dict[str, Any], results: Sequence[dict[str, Any]]
) -> Iterator[RankedDetections]:
    """Yield the ranked detections of each category from an evaluation of faster-coco-eval.

    `evaluation.ious[image id, category id]` has a row for each detection, the highest score first, and a
    column for each object, in the order of the annotations. `evaluation.params.maxDets[-1]` is how many
    detections of a category count in an image.
    """
    most = evaluation.params.maxDets[-1]
    places = {int(image_id): place for place, image_id in enumerate(evaluation.params.imgIds)}
    scores: dict[tuple[int, int], list[float]] = {}
    crowds: dict[tuple[int, int], list[bool]] = {}
    for row in results:
        scores.setdefault((row["category_id"], row["image_id"]), []).append(row["score"])
    for item in annotations["annotations"]:
        key = (item["category_id"], item["image_id"])
        crowds.setdefault(key, []).append(bool(item.get("iscrowd")))
    for category in map(int, evaluation.params.catIds):
        objects = np.zeros(len(places))
        for (_, image_id), flags in ((key, value) for key, value in crowds.items() if key[0] == category):
            objects[places[image_id]] = flags.count(False)
        pieces = []
        for image_id, place in places.items():
            if found := sorted(scores.get((category, image_id), ()), reverse=True)[:most]:
                is_crowd = np.array(crowds.get((category, image_id), []), np.bool_)
                ious = np.asarray(evaluation.ious[image_id, category]).reshape(len(found), len(is_crowd))
                pieces.append((np.array(found), np.full(len(found), place), *match_as_coco(ious, is_crowd)))
        if not pieces:
            empty = np.zeros((len(IOU_THRESHOLDS), 0), np.bool_)
            yield RankedDetections(np.zeros(0, np.int64), empty, empty, objects)
            continue
        ranks, images, right, wrong = (np.concatenate(part, axis=-1) for part in zip(*pieces, strict=True))
        order = np.argsort(-ranks, kind="stable")
        yield RankedDetections(images[order], right[:, order], wrong[:, order], objects)


def match_as_coco(ious: FloatArray, is_crowd: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Return which detections of one image and category are right and wrong, shape (thresholds, detections).

    `ious` has a row for each detection, the highest score first. Each detection takes the free object with
    the highest IoU, the last one among equals. A detection without an object that lies in a crowd region is
    neither right nor wrong.
    """
    limits = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)
    right = np.zeros((len(limits), len(ious)), np.bool_)
    single, crowd = ious[:, ~is_crowd], ious[:, is_crowd]
    in_crowd = crowd.max(axis=1, initial=0.0)[np.newaxis] >= limits[:, np.newaxis]
    taken = np.zeros((len(limits), single.shape[1]), np.bool_)
    if single.shape[1]:
        for row, overlaps in enumerate(single):
            left = np.where(taken, -1.0, overlaps)
            best = left.shape[1] - 1 - np.argmax(left[:, ::-1], axis=1)
            hit = left[np.arange(len(limits)), best] >= limits
            taken[hit, best[hit]] = True
            right[:, row] = hit
    return right, ~right & ~in_crowd
