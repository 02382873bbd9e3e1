import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from visualize.draw.label_places import crowding, overlaps, place_labels


@st.composite
def crowds(draw):
    width, height = draw(st.integers(1, 700)), draw(st.integers(1, 700))
    count = draw(st.integers(0, 25))
    boxes = []
    for _ in range(count):
        x, y = draw(st.integers(-20, width)), draw(st.integers(-20, height))
        boxes.append((x, y, x + draw(st.integers(0, width)), y + draw(st.integers(0, height))))
    sizes = [(draw(st.integers(1, 150)), draw(st.integers(1, 40))) for _ in boxes]
    return boxes, sizes, width, height


@settings(deadline=None, max_examples=60)
@given(crowds())
def test_every_label_is_inside_the_image_and_whole(crowd):
    boxes, sizes, width, height = crowd
    places = place_labels(boxes, sizes, width, height)
    assert len(places) == len(boxes)
    for (left, top, right, bottom), size in zip(places, sizes, strict=True):
        assert 0 <= left <= right <= width
        assert 0 <= top <= bottom <= height
        assert (right - left, bottom - top) == (min(size[0], width), min(size[1], height))
    assert places == place_labels(boxes, sizes, width, height)


def test_a_lone_label_stands_on_its_box():
    assert place_labels([(100, 100, 200, 200)], [(50, 20)], 640, 480) == [(100, 80, 150, 100)]


def test_a_label_without_room_above_goes_elsewhere_without_hiding_a_small_object():
    [place] = place_labels([(100, 0, 140, 30)], [(50, 20)], 640, 480)
    assert overlaps(np.array([place], float), np.array([(100, 0, 140, 30)], float)).sum() == 0


def test_labels_of_one_spot_do_not_cover_one_another():
    boxes = [(300 + shift, 200 + shift, 340 + shift, 240 + shift) for shift in range(30)]
    places = np.array(place_labels(boxes, [(60, 18)] * 30, 640, 480), float)
    common = overlaps(places, places)
    assert (common - np.diag(np.diag(common))).sum() == 0


def test_overlaps_are_areas():
    first = np.array([(0, 0, 10, 10), (20, 20, 30, 30)], float)
    second = np.array([(5, 5, 25, 25)], float)
    assert overlaps(first, second).tolist() == [[25.0], [25.0]]


def test_crowding_is_local():
    sizes = [(60, 18)] * 12
    together = [(10 * n, 100, 10 * n + 20, 120) for n in range(12)]
    apart = [(200 * n, 100, 200 * n + 20, 120) for n in range(12)]
    assert crowding(apart, sizes) == 0
    assert crowding([], []) == 0
    assert 0.3 < crowding(together, sizes) < 0.6
