"""Detections matched as COCO matches them, and ranked by score: all of them, or those of one kind of object.

faster-coco-eval computes the IoUs. Matching follows pycocotools.cocoeval (evaluateImg): at each threshold,
each detection takes the best free object. Objects of another kind are ignored as COCO ignores objects of
another size: a detection that fits only them does not count, nor does one of another kind that fits nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grounding.boxes import Box
from grounding.matching import IOU_THRESHOLDS
from infer.scoring.resampling.average_precision import RankedDetections
from infer.scoring.resampling.ratios import FloatArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ImageOverlaps:
    """The detections of one category in one image, the highest score first, and how they overlap its objects.

    `place` is the image's position in the order of the image ids, `ious` has shape (detections, objects).
    `areas` are those that the annotations state; crowd regions are among the objects.
    """

    place: int
    scores: FloatArray
    boxes: tuple[Box, ...]
    ious: FloatArray
    objects: tuple[Box, ...]
    areas: FloatArray
    is_crowd: BoolArray


@dataclass(frozen=True)
class CategoryOverlaps:
    """The images with detections or objects of one category; `image_count` counts all images."""

    images: tuple[ImageOverlaps, ...]
    image_count: int


Chooser = Callable[[ImageOverlaps], tuple[BoolArray, BoolArray]]
"""Tells which detections and which objects of an image are of a kind."""


def find_overlaps(
    evaluation: Any, annotations: dict[str, Any], results: Sequence[dict[str, Any]]
) -> Iterator[CategoryOverlaps]:
    """Yield the overlaps of each category from an evaluation of faster-coco-eval.

    `evaluation.ious[image id, category id]` has a row for each detection, the highest score first, and a
    column for each object, in the order of the annotations. `evaluation.params.maxDets[-1]` is how many
    detections of a category count in an image.
    """
    most = evaluation.params.maxDets[-1]
    places = {int(image_id): place for place, image_id in enumerate(evaluation.params.imgIds)}
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    wanted: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for rows, items in ((found, results), (wanted, annotations["annotations"])):
        for item in items:
            rows.setdefault((item["category_id"], item["image_id"]), []).append(item)
    images_of: dict[int, set[int]] = {}
    for category, image_id in (*found, *wanted):
        images_of.setdefault(category, set()).add(image_id)
    for category in map(int, evaluation.params.catIds):
        yield CategoryOverlaps(
            tuple(
                _overlaps(
                    places[image_id],
                    sorted(found.get((category, image_id), ()), key=lambda row: -row["score"])[:most],
                    wanted.get((category, image_id), []),
                    evaluation.ious[image_id, category],
                )
                for image_id in sorted(images_of.get(category, ()), key=places.__getitem__)
            ),
            len(places),
        )


def _overlaps(
    place: int, found: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]], ious: Any
) -> ImageOverlaps:
    objects = tuple(Box.from_xywh(*item["bbox"]) for item in wanted)
    areas = [item.get("area", box.area) for item, box in zip(wanted, objects, strict=True)]
    return ImageOverlaps(
        place,
        np.array([row["score"] for row in found], np.float64),
        tuple(Box.from_xywh(*row["bbox"]) for row in found),
        np.asarray(ious, np.float64).reshape(len(found), len(wanted)),
        objects,
        np.array(areas, np.float64),
        np.array([bool(item.get("iscrowd")) for item in wanted], np.bool_),
    )


def rank(category: CategoryOverlaps, choose: Chooser | None = None) -> RankedDetections:
    """Return the ranked detections of a category; with `choose`, of one kind: others are left out."""
    objects = np.zeros(category.image_count)
    pieces = []
    for image in category.images:
        of_kind = wanted = None
        if choose is not None:
            of_kind, wanted = choose(image)
            if not (of_kind.any() or wanted.any()):
                continue  # nothing in it counts
        objects[image.place] = np.count_nonzero(
            ~image.is_crowd if wanted is None else wanted & ~image.is_crowd
        )
        if len(image.scores):
            right, wrong = match_as_coco(image.ious, image.is_crowd, wanted, of_kind)
            counts = right.any(axis=0) | wrong.any(axis=0) if choose is not None else slice(None)
            places = np.full(len(image.scores), image.place)
            pieces.append((image.scores[counts], places[counts], right[:, counts], wrong[:, counts]))
    if not pieces:
        empty = np.zeros((len(IOU_THRESHOLDS), 0), np.bool_)
        return RankedDetections(np.zeros(0, np.int64), empty, empty, objects)
    scores, images, right, wrong = (np.concatenate(part, axis=-1) for part in zip(*pieces, strict=True))
    order = np.argsort(-scores, kind="stable")
    return RankedDetections(images[order], right[:, order], wrong[:, order], objects)


def match_as_coco(
    ious: FloatArray, is_crowd: BoolArray, wanted: BoolArray | None = None, of_kind: BoolArray | None = None
) -> tuple[BoolArray, BoolArray]:
    """Return which detections of one image and category are right and wrong, shape (thresholds, detections).

    `ious` has a row for each detection, the highest score first. Each detection takes the free object with
    the highest IoU, the last one among equals. A detection without an object that lies in a crowd region is
    neither right nor wrong. So is one whose object is not `wanted`, and one without an object that is not
    `of_kind`; without these two, all are.
    """
    limits = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)
    right = np.zeros((len(limits), len(ious)), np.bool_)
    is_single = ~is_crowd
    chosen = is_single if wanted is None else is_single & wanted
    _take_best(ious[:, chosen], limits, right)
    if (is_single & ~chosen).any():
        excused = np.zeros_like(right)
        _take_best(ious[:, ~chosen], limits, excused, ~right, is_crowd[~chosen])
    else:
        excused = ious[:, is_crowd].max(axis=1, initial=0.0)[np.newaxis] >= limits[:, np.newaxis]
    if of_kind is not None:
        excused = excused | ~of_kind[np.newaxis]
    return right, ~right & ~excused


def _take_best(
    ious: FloatArray,
    limits: FloatArray,
    hits: BoolArray,
    may: BoolArray | None = None,
    is_crowd: BoolArray | None = None,
) -> None:
    """Mark in `hits` which detections take an object; `may` says which look for one. A crowd stays free."""
    taken = np.zeros((len(limits), ious.shape[1]), np.bool_)
    if not ious.shape[1]:
        return
    for row, overlaps in enumerate(ious):
        left = np.where(taken, -1.0, overlaps)
        best = left.shape[1] - 1 - np.argmax(left[:, ::-1], axis=1)
        hit = left[np.arange(len(limits)), best] >= limits
        if may is not None:
            hit &= may[:, row]
        taken[hit, best[hit]] = True if is_crowd is None else ~is_crowd[best[hit]]
        hits[:, row] = hit
