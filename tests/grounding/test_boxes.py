import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from grounding.boxes import (
    BOX_ORDERS,
    GRID,
    Box,
    Size,
    from_grid,
    grid_has_area,
    iou,
    iou_matrix,
    read_box,
    to_grid,
)

coordinates = st.floats(0, 5000, allow_nan=False)
sizes = st.builds(Size, st.integers(1, 8000), st.integers(1, 8000))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    return Box.from_xywh(*(draw(st.floats(0.5, 4000)) for _ in range(4)))


@st.composite
def boxes_in_images(draw: st.DrawFn) -> tuple[Box, Size]:
    size = draw(sizes)
    x1, x2 = sorted(draw(st.floats(0, size.width)) for _ in range(2))
    y1, y2 = sorted(draw(st.floats(0, size.height)) for _ in range(2))
    return Box(x1, y1, x2, y2), size


@given(boxes())
def test_formats_round_trip(box: Box) -> None:
    assert Box.from_xywh(*box.xywh).xyxy == pytest.approx(box.xyxy)
    assert Box.from_cxcywh(*box.cxcywh).xyxy == pytest.approx(box.xyxy)


@given(boxes_in_images(), st.sampled_from(BOX_ORDERS))
def test_a_foreign_box_is_read_back_in_every_order_and_unit(
    box_in_image: tuple[Box, Size], order: str
) -> None:
    box, size = box_in_image
    width, height = size.width, size.height
    for units, scale_x, scale_y in (
        ("pixels", 1.0, 1.0),
        ("relative", 1 / width, 1 / height),
        ("grid", GRID / width, GRID / height),
    ):
        scaled = Box(box.x1 * scale_x, box.y1 * scale_y, box.x2 * scale_x, box.y2 * scale_y)
        found = read_box(getattr(scaled, order), order, units, size)
        assert found.xyxy == pytest.approx(box.xyxy, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("order", "numbers"), [("xyxy", (1, 1, 40, 20)), ("xywh", (1, 1, 40, 20)), ("cxcywh", (21, 11, 40, 20))]
)
def test_pixels_counted_from_one_lie_inside_the_box(order: str, numbers: tuple[float, ...]) -> None:
    """A box around all of an image of 40 x 20, as VOC writes it."""
    assert read_box(numbers, order, "pixels_from_1", Size(40, 20)).xyxy == (0, 0, 40, 20)


def test_around_an_outline() -> None:
    assert Box.around([3, 1, 2], [5, 9, 7]).xyxy == (1, 5, 3, 9)


@given(boxes_in_images())
def test_grid_round_trip_is_exact_to_half_a_step(box_in_image: tuple[Box, Size]) -> None:
    box, size = box_in_image
    on_grid = to_grid(box, size)
    assert all(0 <= coordinate <= GRID for coordinate in on_grid)
    back = from_grid(*on_grid, size)
    for index, side in enumerate((size.width, size.height) * 2):
        assert abs(back.xyxy[index] - box.xyxy[index]) <= side / GRID / 2 + 1e-9


@given(st.lists(boxes(), min_size=1, max_size=4), st.lists(boxes(), min_size=1, max_size=4))
def test_iou_equals_pycocotools(rows: list[Box], columns: list[Box]) -> None:
    as_lists = [[list(box.xywh) for box in boxes] for boxes in (rows, columns)]
    expected = mask.iou(*as_lists, [0] * len(columns))
    np.testing.assert_allclose(iou_matrix(rows, columns), expected, rtol=1e-9, atol=1e-9)


def test_iou_of_boxes_without_area_is_zero() -> None:
    assert iou(Box(1, 1, 1, 5), Box(1, 1, 1, 5)) == 0
    assert iou(Box(5, 5, 1, 1), Box(0, 0, 9, 9)) == 0
    assert iou_matrix([], [Box(0, 0, 1, 1)]).shape == (0, 1)


@given(boxes(), sizes)
def test_clipped_box_lies_inside(box: Box, size: Size) -> None:
    clipped = box.clipped(size)
    assert 0 <= clipped.x1 <= clipped.x2 <= size.width
    assert 0 <= clipped.y1 <= clipped.y2 <= size.height
    assert clipped.area <= box.area * (1 + 1e-9)


def test_box_outside_comes_back_without_area() -> None:
    assert not Box(20, 20, 30, 30).clipped(Size(10, 10)).has_area


def test_flags() -> None:
    assert not Box(0, 0, math.nan, 1).is_finite
    assert not Box(0, 0, math.inf, 1).is_finite
    assert not Box(3, 0, 3, 1).has_area
    assert not grid_has_area(to_grid(Box(10.0, 10.0, 10.2, 10.2), Size(640, 480)))
    assert grid_has_area((0, 0, 1, 1))
