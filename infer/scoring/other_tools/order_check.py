"""Whether rows that name no image are in the order of the annotations, by the truth beside the answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from grounding.answers.reader import read_answer
from grounding.boxes import Box, Size, iou
from infer.asking.answer_units import ScaleOf

TRUTH_KEYS = ("label", "labels", "target", "ground_truth")
"""The keys under which tools repeat the right answer."""

LEAST_FIT = 0.5
"""Share of the rows whose truth has a box that fits an object of its image; in the right order all do."""


def order_notes(
    rows: Sequence[Mapping[str, Any]],
    image_ids: Sequence[int],
    sizes: Mapping[int, Size],
    annotations: Mapping[str, Any],
    scale_of: ScaleOf,
) -> tuple[str, ...]:
    """Return a note if the right answers of most rows fit no object of the image at their place."""
    objects: dict[int, list[Box]] = {}
    for item in annotations["annotations"]:
        objects.setdefault(item["image_id"], []).append(Box.from_xywh(*item["bbox"]))
    fits = []
    for row, image_id in zip(rows, image_ids, strict=True):
        text = next((row[key] for key in TRUTH_KEYS if isinstance(row.get(key), str)), None)
        if text is None or image_id not in sizes:
            continue
        found = read_answer(text, sizes[image_id], scale_of(sizes[image_id])).detections
        if found:
            boxes = objects.get(image_id, [])
            fits.append(any(iou(item.box, box) >= LEAST_FIT for item in found for box in boxes))
    if not fits or sum(fits) >= LEAST_FIT * len(fits):
        return ()
    return (
        f"order: the right answers in {len(fits) - sum(fits):,} of {len(fits):,} rows fit no object of "
        "the image at their place: the rows are in another order, or their units are others: name the images",
    )
