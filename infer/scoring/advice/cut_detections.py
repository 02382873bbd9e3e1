"""Whether `max_detections` kept AP and AR from counting everything: COCO cuts without a word."""

from collections import Counter
from collections.abc import Mapping

from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.coco_ap import label_with_categories

KEY, MORE_OBJECTS, MORE_DETECTIONS, NEEDED = (
    "max_detections",
    "images_with_more_objects",
    "images_with_more_detections",
    "needed",
)
"""The keys of what `count_cut` returns."""


def count_cut(evaluation: Evaluation) -> dict[str, int]:
    """Return max_detections, how many images have more of a category, and the most of one in an image.

    Crowd regions are no objects, and detections whose label is no category are not counted anyway.
    """
    limit, names = evaluation.max_detections, evaluation.category_ids
    objects = Counter(
        (item["image_id"], item["category_id"])
        for item in evaluation.annotations["annotations"]
        if not item.get("iscrowd")
    )
    found = Counter(
        (item.image_id, names[one.label])
        for item in label_with_categories(evaluation)
        for one in item.detections
        if one.label in names
    )
    return {
        KEY: limit,
        MORE_OBJECTS: _images_above(objects, limit),
        MORE_DETECTIONS: _images_above(found, limit),
        NEEDED: max((*objects.values(), *found.values()), default=0),
    }


def _images_above(counts: Mapping[tuple[int, int], int], limit: int) -> int:
    return len({image_id for (image_id, _), count in counts.items() if count > limit})


def cut_line(cut: Mapping[str, int]) -> str | None:
    """Return a line about what was cut, and how to count all; None where nothing was cut."""
    pieces = [
        f"{cut[key]:,} image{'s' * (cut[key] > 1)} with more {what}"
        for key, what in ((MORE_OBJECTS, "objects"), (MORE_DETECTIONS, "detections"))
        if cut.get(key)
    ]
    if not pieces:
        return None
    return (
        f"cut: AP and AR count at most {cut[KEY]:,} detections of a category in an image; "
        f"{' and '.join(pieces)}: max_detections={cut[NEEDED]} counts all"
    )
