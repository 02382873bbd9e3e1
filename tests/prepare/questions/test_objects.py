from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Size
from prepare.questions.objects import ImageObjects, ObjectReader
from prepare.reasons import (
    BOX_NO_AREA_ON_GRID,
    BOX_NOT_FOUR_NUMBERS,
    BOX_UNKNOWN_CATEGORY,
    UnusableImageError,
)
from prepare.source_types import PLAIN_BOXES, Frame, Query, RawObjects

NAMES = ("cat", "dog")
READER = ObjectReader(PLAIN_BOXES, frozenset(NAMES))

numbers = st.floats(-50, 250) | st.sampled_from([float("nan"), float("inf"), 0.0, 100.0])
boxes = st.lists(numbers, min_size=3, max_size=4) | st.none()
rows = st.lists(st.tuples(boxes, st.integers(-1, 2) | st.none(), st.floats(0, 100) | st.none()))


def as_lists(row: list[Any]) -> RawObjects:
    labels = [NAMES[index] if index in (0, 1) else None for _, index, _ in row]
    return RawObjects([box for box, _, _ in row], labels, [area for _, _, area in row])


def read(objects: RawObjects, size: Size) -> ImageObjects:
    return READER.read(Query(objects), Frame(size))


@given(rows)
def test_every_object_is_kept_or_counted_and_lies_in_the_image(row: list[Any]) -> None:
    size = Size(100, 80)
    result = read(as_lists(row), size)
    lost = result.dropped.total() - result.dropped[BOX_NO_AREA_ON_GRID]
    assert len(result.detections) + lost == len(row)
    assert len(result.trainable) == len(result.detections) - result.dropped[BOX_NO_AREA_ON_GRID]
    assert len(result.areas) == len(result.detections)
    for detection in result.detections:
        box = detection.box
        assert 0 <= box.x1 < box.x2 <= 100
        assert 0 <= box.y1 < box.y2 <= 80


def test_sticking_out_by_up_to_a_pixel_is_rounding() -> None:
    row = as_lists([([-1.0, 0.0, 50.0, 80.9], 0, 1.0), ([-1.1, 0.0, 50.0, 80.0], 1, 2.0)])
    result = read(row, Size(100, 80))
    assert result.clipped == 1
    assert [detection.box.xyxy for detection in result.detections] == [(0, 0, 50, 80), (0, 0, 50, 80)]
    assert [detection.label for detection in result.detections] == ["cat", "dog"]


def test_uneven_lists_and_no_lists() -> None:
    with pytest.raises(UnusableImageError, match="different lengths"):
        read(RawObjects([[1.0, 1.0, 2.0, 2.0]]), Size(9, 9))
    assert read(RawObjects(), Size(9, 9)).detections == ()
    assert read(as_lists([([1.0], 0, 1.0)]), Size(9, 9)).dropped == {BOX_NOT_FOUR_NUMBERS: 1}


@pytest.mark.parametrize("index", [-1, 2, None])
def test_an_index_without_a_category(index: int | None) -> None:
    result = read(as_lists([([1.0, 1.0, 8.0, 8.0], index, 1.0)]), Size(9, 9))
    assert result.dropped == {BOX_UNKNOWN_CATEGORY: 1}


@given(rows)
def test_a_quick_look_agrees_with_the_whole_reading(row: list[Any]) -> None:
    objects = as_lists(row)
    size = Size(100, 80)
    full = read(objects, size)
    assert READER.has_trainable(objects, size) == bool(full.trainable)


def test_a_category_without_a_usable_box_is_named() -> None:
    result = read(
        as_lists([([1.0, 1.0, 8.0, 8.0], 0, 1.0), ([1.0], 1, 1.0), ([1.0, 1.0, 8.0, 8.0], 2, 1.0)]),
        Size(9, 9),
    )
    assert result.unboxed == {"dog"}
