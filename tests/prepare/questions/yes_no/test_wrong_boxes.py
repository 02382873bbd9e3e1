from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import GRID, Box, Size, from_grid, iou
from grounding.samples import Detection
from prepare.questions.negatives import TrainingStatistics
from prepare.questions.order import grid_side
from prepare.questions.yes_no.wrong_boxes import WRONG_BELOW, choose_other_label, shift_box

SIZE = Size(120, 80)
NAMES = ("cat", "dog", "cup", "car")


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = draw(st.floats(0, 100)), draw(st.floats(0, 60))
    return Box(x, y, x + draw(st.floats(4, 120 - x)), y + draw(st.floats(4, 80 - y)))


@given(st.lists(boxes(), min_size=1, max_size=4), st.integers(1, 60), st.integers())
def test_a_shifted_box_lies_in_the_image_away_from_every_object_of_its_label(
    same: list[Box], least: int, seed: int
) -> None:
    found = shift_box(same[0], SIZE, same, least, (seed,))
    assert found == shift_box(same[0], SIZE, same, least, (seed,))
    if found is not None:
        assert all(0 <= number <= GRID for number in found)
        assert grid_side(found) >= least
        assert max(iou(from_grid(*found, SIZE), other) for other in same) < WRONG_BELOW


def test_shifted_boxes_are_near_and_of_many_kinds() -> None:
    box = Box(40, 20, 70, 50)
    found = [shift_box(box, SIZE, [box], 1, (seed,)) for seed in range(200)]
    overlaps = [iou(from_grid(*one, SIZE), box) for one in found if one is not None]
    assert len(overlaps) == 200
    assert sum(overlap > 0 for overlap in overlaps) > 60
    assert len(set(found)) == 200


def test_an_object_that_fills_the_image_has_no_shifted_box() -> None:
    whole = Box(0, 0, 120, 80)
    assert [shift_box(whole, SIZE, [whole], 1, (seed,)) for seed in range(20)] == [None] * 20


def counted() -> TrainingStatistics:
    statistics = TrainingStatistics(NAMES)
    for present in ({"cat", "dog"}, {"cat", "cup"}, {"car"}):
        statistics.co_occurrence.add(present)
    return statistics


CAT, DOG = Detection("cat", Box(0, 0, 40, 40)), Detection("dog", Box(60, 30, 110, 75))
DOG_ON_CAT = Detection("dog", Box(2, 0, 40, 40))


def test_another_label_is_one_of_no_object_at_that_place() -> None:
    chosen = Counter(
        choose_other_label(CAT.box, (CAT, DOG), frozenset({"cup"}), counted(), (seed,)) for seed in range(200)
    )
    assert set(chosen) == {"dog", "car"}
    assert min(chosen.values()) > 60
    near = {
        choose_other_label(CAT.box, (CAT, DOG_ON_CAT), frozenset(), counted(), (seed,)) for seed in range(50)
    }
    assert near == {"cup", "car"}


def test_a_label_that_is_somewhere_without_a_box_is_not_chosen() -> None:
    """Of a crowd, the region is known, and single objects may be anywhere."""
    for statistics in (counted(), None):
        chosen = {
            choose_other_label(CAT.box, (CAT, DOG), frozenset({"dog"}), statistics, (seed,))
            for seed in range(50)
        }
        assert chosen == ({None} if statistics is None else {"cup", "car"})


def test_without_another_label_there_is_none() -> None:
    statistics = TrainingStatistics(("cat", "dog"))
    assert choose_other_label(CAT.box, (CAT,), frozenset({"dog"}), statistics, (1,)) is None
    assert choose_other_label(CAT.box, (CAT, DOG_ON_CAT), frozenset(), statistics, (1,)) is None


def test_other_expressions_are_those_of_the_same_image() -> None:
    assert choose_other_label(CAT.box, (CAT, DOG), frozenset(), None, (1,)) == "dog"
    assert choose_other_label(CAT.box, (CAT, DOG_ON_CAT), frozenset(), None, (1,)) is None
