"""Boxes around COCO's segmentations: outlines and run lengths.

Source of the format: cocoapi, PythonAPI/pycocotools/mask.py and common/maskApi.c. Runs go down the columns,
background first.
"""

from collections.abc import Sequence
from typing import Any, TypeGuard

from grounding.boxes import Box
from grounding.predictions.annotations import LARGEST_SIDE
from prepare.sources.shared.source_values import read_numbers

MOST_RUNS = 1 << 20
"""Runs of one mask; a mask of a whole photograph has some thousands."""


def box_of_segmentation(value: Any) -> Box | None:
    """Return the box around a segmentation, in its own units; None if it is not readable or empty."""
    if isinstance(value, dict):
        return _box_of_runs(value)
    outlines = value if isinstance(value, list) else []
    flat = [read_numbers(outline) for outline in outlines if isinstance(outline, list)]
    flat = flat or [read_numbers(outlines)]  # one outline without the list around it
    numbers = [outline for outline in flat if len(outline) >= 6 and len(outline) % 2 == 0]
    if not numbers:
        return None
    return Box.around(
        [x for outline in numbers for x in outline[::2]], [y for outline in numbers for y in outline[1::2]]
    )


def _box_of_runs(value: dict[str, Any]) -> Box | None:
    size, counts = value.get("size"), value.get("counts")
    runs = _decoded(counts) if isinstance(counts, str) else counts
    if not _is_whole(size) or not _is_whole(runs) or len(size) != 2 or sum(runs) != size[0] * size[1]:
        return None
    height: int = size[0]
    place, columns, rows = 0, [], []
    for number, length in enumerate(runs):
        if number % 2 and length:
            first, last = place, place + length - 1
            columns += [first // height, last // height + 1]
            is_one_column = first // height == last // height
            rows += [first % height, last % height + 1] if is_one_column else [0, height]
        place += length
    return Box.around([float(x) for x in columns], [float(y) for y in rows]) if columns else None


def _is_whole(values: Any) -> TypeGuard[Sequence[int]]:
    return (
        isinstance(values, Sequence)
        and len(values) <= MOST_RUNS
        and all(type(value) is int and 0 <= value <= LARGEST_SIDE**2 for value in values)
    )


def _decoded(text: str) -> list[int]:
    """Return the run lengths of COCO's compressed form.

    A character holds 5 bits; from the fourth run on, differences from the run before the last are stored.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text[: 8 * MOST_RUNS]:
        bits = ord(character) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20 and shift < 60:
            continue
        if bits & 0x10:
            value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
