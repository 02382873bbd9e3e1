import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Box, Size, to_grid
from grounding.samples import Detection
from prepare.questions.order import grid_side, order_detections, split_turns
from prepare.settings.recipe_keys import ORDERS

SIZE = Size(100, 50)
edges = st.integers(0, 49)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w + 1, y + h + 1), edges, edges, st.integers(0, 40), edges)
lists = st.lists(st.builds(Detection, st.sampled_from("abc"), boxes), max_size=8)


@given(lists, st.sampled_from(ORDERS))
def test_an_order_is_a_permutation_and_keeps_its_own_result(detections: list[Detection], order: str) -> None:
    ordered = order_detections(detections, order, SIZE)
    assert sorted(map(repr, ordered)) == sorted(map(repr, detections))
    assert order_detections(ordered, order, SIZE) == ordered
    if order == "source":
        assert list(ordered) == detections


@given(lists)
def test_reading_goes_down_then_right_and_area_from_large_to_small(detections: list[Detection]) -> None:
    grids = [to_grid(detection.box, SIZE) for detection in order_detections(detections, "reading", SIZE)]
    assert all((a[1], a[0]) <= (b[1], b[0]) for a, b in itertools.pairwise(grids))
    grids = [to_grid(detection.box, SIZE) for detection in order_detections(detections, "area", SIZE)]
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in grids]
    assert areas == sorted(areas, reverse=True)


def test_reading_order_of_four_corners() -> None:
    places = {"d": (90, 40), "b": (90, 0), "c": (0, 40), "a": (0, 0)}
    corners = [Detection(name, Box(x, y, x + 5, y + 5)) for name, (x, y) in places.items()]
    assert "".join(d.label for d in order_detections(corners, "reading", SIZE)) == "abcd"


@pytest.mark.parametrize(
    ("count", "most", "turns"), [(0, 3, [0]), (3, 3, [3]), (7, 3, [3, 3, 1]), (7, None, [7])]
)
def test_turns(count: int, most: int | None, turns: list[int]) -> None:
    detections = [Detection(str(i), Box(0, 0, 1, 1)) for i in range(count)]
    parts = list(split_turns(detections, most))
    assert [len(part) for part in parts] == turns
    assert [detection for part in parts for detection in part] == detections


def test_the_shorter_side_counts() -> None:
    assert grid_side((10, 20, 500, 23)) == 3
