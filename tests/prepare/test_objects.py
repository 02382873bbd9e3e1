from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Size
from grounding.categories import Category
from prepare.objects import BOX_NO_AREA_ON_GRID, BOX_NOT_FOUR_NUMBERS, BOX_UNKNOWN_CATEGORY, read_objects

CATEGORIES = (Category(1, "cat"), Category(2, "dog"))

numbers = st.floats(-50, 250) | st.sampled_from([float("nan"), float("inf"), 0.0, 100.0])
boxes = st.lists(numbers, min_size=3, max_size=4) | st.none()
rows = st.lists(st.tuples(boxes, st.integers(-1, 2) | st.none(), st.floats(0, 100) | st.none()))


def as_lists(row: list[Any]) -> dict[str, Any]:
    return {key: [item[i] for item in row] for i, key in enumerate(("bbox", "category", "area"))}


@given(rows)
def test_every_object_is_kept_or_counted_and_lies_in_the_image(row: list[Any]) -> None:
    size = Size(100, 80)
    result = read_objects(as_lists(row), size, CATEGORIES)
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
    result = read_objects(row, Size(100, 80), CATEGORIES)
    assert result.clipped == 1
    assert [detection.box.xyxy for detection in result.detections] == [(0, 0, 50, 80), (0, 0, 50, 80)]
    assert [detection.label for detection in result.detections] == ["cat", "dog"]


def test_uneven_lists_and_no_lists() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        read_objects({"bbox": [[1.0, 1.0, 2.0, 2.0]], "category": [], "area": []}, Size(9, 9), CATEGORIES)
    assert read_objects(None, Size(9, 9), CATEGORIES).detections == ()
    assert read_objects(as_lists([([1.0], 0, 1.0)]), Size(9, 9), CATEGORIES).dropped == {
        BOX_NOT_FOUR_NUMBERS: 1
    }


@pytest.mark.parametrize("index", [-1, 2, None])
def test_an_index_without_a_category(index: int | None) -> None:
    result = read_objects(as_lists([([1.0, 1.0, 8.0, 8.0], index, 1.0)]), Size(9, 9), CATEGORIES)
    assert result.dropped == {BOX_UNKNOWN_CATEGORY: 1}
