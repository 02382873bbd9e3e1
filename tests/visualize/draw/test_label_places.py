import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from visualize.draw.label_places import MOST_HIDDEN, crowding, overlaps, place_labels


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


@settings(deadline=None, max_examples=60)
@given(crowds(), crowds())
def test_a_label_that_may_be_left_out_hides_no_box_and_no_label(crowd, other):
    boxes, sizes, width, height = crowd
    further, taken = other[0], [(0, 0, width // 3, height // 5)]
    found = place_labels(boxes, sizes, width, height, taken, further, may_lack=True)
    assert len(found) == len(boxes)
    places = np.array([place for place in found if place is not None], float).reshape(-1, 4)
    common = overlaps(places, np.vstack([places, np.array(taken, float)]))
    assert (common[:, :-1] - np.diag(np.diag(common[:, :-1]))).sum() == common[:, -1].sum() == 0
    objects = np.array([*boxes, *further], float).reshape(-1, 4)
    areas = np.maximum(objects[:, 2] - objects[:, 0], 1) * np.maximum(objects[:, 3] - objects[:, 1], 1)
    assert (overlaps(places, objects) <= MOST_HIDDEN * areas).all()


def test_a_label_that_may_be_left_out_stands_near_its_box_or_nowhere():
    def place(reach, *, may_lack=True):
        """Place the label of a box in a block of boxes that reaches so many pixels to each side of it."""
        starts = range(300 - reach, 301 + reach, 13)
        block = [(left, top, left + 12, top + 12) for left in starts for top in starts]
        own = block.pop(block.index((300, 300, 312, 312)))
        return place_labels([own], [(20, 14)], 640, 480, others=block, may_lack=may_lack)[0]

    assert place(0) == (300, 286, 320, 300)
    assert place(13) is not None
    assert place(39) is None
    assert place(39, may_lack=False) is not None


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
