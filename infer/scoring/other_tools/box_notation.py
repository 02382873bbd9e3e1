"""Boxes in another notation than their key says: [x, y, width, height] as corners, or corners as that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grounding.answers.forms import UPSIDE_DOWN
from grounding.boxes import Box, Size
from grounding.predictions.prediction_rows import Prediction
from infer.scoring.other_tools.habits import XYXY

LEAST_SHARE = 0.1
"""Of the boxes that end outside of their image as xywh: fewer can be rounding and large boxes."""

TOLERANCE = 1.0
"""Pixels by which a box may stick out of its image."""


def rewrite_boxes(predictions: Sequence[Prediction], notation: str) -> list[Prediction]:
    """Return the predictions with boxes as corners; their four numbers are in this notation."""
    if notation == XYXY:
        return list(predictions)
    return [
        replace(
            item,
            detections=tuple(replace(found, box=Box.from_xywh(*found.box.xyxy)) for found in item.detections),
        )
        for item in predictions
    ]


def notation_notes(
    predictions: Sequence[Prediction], sizes: Mapping[int, Size], notation: str
) -> tuple[str, ...]:
    """Return a note if the boxes, as their four numbers stand there, look like another notation than this."""
    boxes = [(found.box, sizes.get(item.image_id)) for item in predictions for found in item.detections]
    if not boxes:
        return ()
    return _upside_down([box for box, _ in boxes]) if notation == XYXY else _outside(boxes)


def text_notation_notes(predictions: Sequence[Prediction]) -> tuple[str, ...]:
    """Return a note if so many boxes in the texts of answers are upside down that it is the model's habit."""
    wrong = sum(item.problems.count(UPSIDE_DOWN) for item in predictions)
    boxes = wrong + sum(len(item.detections) for item in predictions)
    if not wrong or wrong < LEAST_SHARE * boxes:
        return ()
    return (
        f"upside down: {_share(wrong, boxes)} in the answers have x2 < x1 or y2 < y1: if the model writes "
        "[x, y, width, height], turn its boxes into [x1, y1, x2, y2] first",
    )


def _upside_down(boxes: Sequence[Box]) -> tuple[str, ...]:
    wrong = sum(box.x2 < box.x1 or box.y2 < box.y1 for box in boxes)
    if not wrong:
        return ()
    return (
        f"upside down: {_share(wrong, len(boxes))} have x2 < x1 or y2 < y1 and match nothing: the numbers "
        "are read as [x1, y1, x2, y2] in pixels; if they are [x, y, width, height], add --boxes xywh",
    )


def _outside(pairs: Sequence[tuple[Box, Size | None]]) -> tuple[str, ...]:
    """Say so if numbers cannot be [x, y, width, height], or all fit as corners and many do not fit so."""
    negative = sum(box.x2 < 0 or box.y2 < 0 for box, _ in pairs)
    if negative:
        return (
            f"upside down: {_share(negative, len(pairs))} have a width or height below 0 and match nothing: "
            "the numbers are read as [x, y, width, height] in pixels",
        )
    sized = [(box, size) for box, size in pairs if size is not None]
    ends = sum(not _ends_inside(Box.from_xywh(*box.xyxy), size) for box, size in sized)
    are_corners = all(
        box.x1 <= box.x2 and box.y1 <= box.y2 and _ends_inside(box, size) for box, size in sized
    )
    if not sized or not are_corners or ends < LEAST_SHARE * len(sized):
        return ()
    return (
        f"corners: {_share(ends, len(sized))} end outside of their image: the numbers are read as "
        "[x, y, width, height], but all fit as [x1, y1, x2, y2]: if they are that, add --boxes xyxy",
    )


def _ends_inside(box: Box, size: Size) -> bool:
    return box.x2 <= size.width + TOLERANCE and box.y2 <= size.height + TOLERANCE


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} boxes ({part / whole:.1%})"
