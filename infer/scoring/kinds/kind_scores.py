"""AP, recall and F1 of each kind of pictures, objects and categories, with bootstrap intervals.

AP of a kind is COCO's, as COCO's own AP of small, medium and large objects: objects of other kinds are
ignored, and so are detections that fit only them, or that fit nothing and are of another kind themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grounding.matching import AT_50
from grounding.predictions.annotations import image_sizes
from infer.scoring.coco_evaluation import CocoScores
from infer.scoring.evaluation import Evaluation
from infer.scoring.kinds.bands import (
    FREQUENCIES,
    FREQUENCY,
    IMAGE_KINDS,
    IMAGE_RATIO,
    OBJECT_KINDS,
    OBJECTS_AN_IMAGE,
    Band,
    ObjectKind,
    aspect_ratio,
)
from infer.scoring.metrics.f1 import f1_ratios
from infer.scoring.resampling.average_precision import PRECISIONS, RankedDetections, average_precisions
from infer.scoring.resampling.bootstrap import interval
from infer.scoring.resampling.ranking import BoolArray, Chooser, ImageOverlaps, rank
from infer.scoring.resampling.ratios import FloatArray, Ratio

KIND_COLUMNS = ("images", "objects", "AP", "AP50", "recall_50", "f1_50")
"""The columns of a row; F1 only where whole images are scored apart."""

KindTable = dict[str, dict[str, dict[str, Any]]]
"""Kind -> band -> column -> value; the column "intervals" has the intervals by column."""


@dataclass(frozen=True)
class _Part:
    """The detections of one band, and F1 where whole images are the kind."""

    ranked: Sequence[RankedDetections]
    f1: Ratio | None = None
    images: int | None = None


def score_kinds(
    evaluation: Evaluation,
    coco: CocoScores,
    weights: FloatArray | None,
    trained: Mapping[str, int] | None,
    *,
    with_ap_intervals: bool = True,
) -> KindTable:
    """Return a row for each band that has images or objects.

    `weights`, shape (draws, images), are the bootstrap's draws, None: no intervals. `trained` are the numbers
    of training images by category, None: no scores by frequency. Intervals of AP take most of the time: they
    can be left out.
    """
    drawn = PRECISIONS if with_ap_intervals else ()
    kinds = {**_by_image(evaluation, coco), **_by_object(coco)}
    if trained is not None:
        kinds[FREQUENCY] = list(_by_frequency(coco, trained))
    images = len(evaluation.predictions)
    table: KindTable = {}
    for kind, parts in kinds.items():
        rows = {band.name: _row(part, images, weights, drawn) for band, part in parts}
        table[kind] = {name: row for name, row in rows.items() if row["images"]}
    return table


def _by_image(evaluation: Evaluation, coco: CocoScores) -> dict[str, list[tuple[Band, _Part]]]:
    sizes = image_sizes(evaluation.annotations)
    ids = [item.image_id for item in evaluation.predictions]
    numbers: dict[str, list[float | None]] = {
        OBJECTS_AN_IMAGE: [len(evaluation.objects.get(image_id, ())) for image_id in ids],
        IMAGE_RATIO: [
            aspect_ratio(sizes[image_id].width, sizes[image_id].height) if image_id in sizes else None
            for image_id in ids
        ],
    }
    f1 = f1_ratios(evaluation.matches)["f1_50"]
    parts: dict[str, list[tuple[Band, _Part]]] = {}
    for kind, bands in IMAGE_KINDS.items():
        for band in bands:
            chosen = np.array(
                [number is not None and band.holds(number) for number in numbers[kind]], np.bool_
            )
            columns = chosen[:, np.newaxis] if f1.parts.ndim > 1 else chosen
            part = _Part(
                [_of_images(category, chosen) for category in coco.ranked],
                Ratio(f1.parts * columns, f1.wholes * columns),
                int(chosen.sum()),
            )
            parts.setdefault(kind, []).append((band, part))
    return parts


def _of_images(category: RankedDetections, chosen: BoolArray) -> RankedDetections:
    kept = chosen[category.images]
    return RankedDetections(
        category.images[kept], category.right[:, kept], category.wrong[:, kept], category.objects * chosen
    )


def _by_object(coco: CocoScores) -> dict[str, list[tuple[Band, _Part]]]:
    from tqdm import tqdm

    total = len(coco.overlaps) * sum(len(kind.bands) for kind in OBJECT_KINDS.values())
    parts: dict[str, list[tuple[Band, _Part]]] = {name: [] for name in OBJECT_KINDS}
    with tqdm(total=total, desc="scores by kind", unit="category", delay=2, leave=False) as bar:
        for name, kind in OBJECT_KINDS.items():
            for band in kind.bands:
                ranked = []
                for category in coco.overlaps:
                    ranked.append(rank(category, _chooser(kind, band)))
                    bar.update()
                parts[name].append((band, _Part(ranked)))
    return parts


def _chooser(kind: ObjectKind, band: Band) -> Chooser:
    def choose(image: ImageOverlaps) -> tuple[BoolArray, BoolArray]:
        found = [band.holds(kind.number_of(box, box.area)) for box in image.boxes]
        wanted = [
            band.holds(kind.number_of(box, float(area)))
            for box, area in zip(image.objects, image.areas, strict=True)
        ]
        return np.array(found, np.bool_), np.array(wanted, np.bool_)

    return choose


def _by_frequency(coco: CocoScores, trained: Mapping[str, int]) -> Iterator[tuple[Band, _Part]]:
    for band in FREQUENCIES:
        places = [place for name, place in coco.places.items() if band.holds(trained.get(name, 0))]
        yield band, _Part([coco.ranked[place] for place in places])


def _row(part: _Part, images: int, weights: FloatArray | None, bounded: Sequence[str]) -> dict[str, Any]:
    objects = sum((category.objects for category in part.ranked), np.zeros(images))
    right = sum(
        (
            np.bincount(category.images[category.right[AT_50]], minlength=images).astype(np.float64)
            for category in part.ranked
        ),
        np.zeros(images),
    )
    ratios = {"recall_50": Ratio(right, objects)}
    if part.f1 is not None and part.f1.is_defined:
        ratios["f1_50"] = part.f1
    has_objects = objects.sum() > 0
    values: dict[str, Any] = {
        "images": np.count_nonzero(objects) if part.images is None else part.images,
        "objects": int(objects.sum()),
    }
    once = np.ones((1, images))
    precisions = average_precisions(part.ranked, once) if has_objects else {}
    for column in KIND_COLUMNS[2:]:
        if column in precisions:
            values[column] = float(precisions[column][0])
        else:
            is_defined = column in ratios and (has_objects or column != "recall_50")
            values[column] = ratios[column].value if is_defined else None
    values["intervals"] = {} if weights is None else _intervals(part, ratios, values, weights, bounded)
    return values


def _intervals(
    part: _Part,
    ratios: Mapping[str, Ratio],
    values: Mapping[str, Any],
    weights: FloatArray,
    bounded: Sequence[str],
) -> dict[str, Any]:
    drawn = average_precisions(part.ranked, weights) if bounded and values["AP"] is not None else {}
    for column, ratio in ratios.items():
        wholes = weights @ ratio.wholes
        is_there = wholes > 0 if wholes.ndim == 1 else wholes.sum(axis=1) > 0
        drawn[column] = np.where(is_there, ratio.resample(weights), np.nan)
    bounds = {
        column: interval(drawn[column])
        for column in KIND_COLUMNS
        if column in drawn and values[column] is not None
    }
    return {column: pair for column, pair in bounds.items() if pair is not None}
