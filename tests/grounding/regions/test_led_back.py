"""Where words lead: to the region, to several objects, or to nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Box, iou
from grounding.regions.led_back import SAME_OBJECT, LedBack, led_back

REGION = Box(0, 0, 100, 100)
OTHER = Box(0, 0, 50, 50)
corners = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(41, 100)] * 2)


@pytest.mark.parametrize(
    ("boxes", "expected", "is_region"),
    [
        ([], LedBack((), None, 0.0), False),
        ([REGION], LedBack((REGION,), REGION, 1.0), True),
        ([OTHER], LedBack((OTHER,), OTHER, 0.25), False),
        ([OTHER, REGION], LedBack((OTHER, REGION), REGION, 1.0), False),
        ([REGION, Box(0, 0, 100, 99)], LedBack((REGION,), REGION, 1.0), True),
        ([Box(0, 0, 100, 50)], LedBack((Box(0, 0, 100, 50),), Box(0, 0, 100, 50), 0.5), True),
    ],
)
def test_words_lead_to_the_region_alone_or_not(boxes: list[Box], expected: LedBack, is_region: bool) -> None:
    assert led_back(boxes, REGION) == expected
    assert expected.is_region() == is_region


def test_a_threshold_decides() -> None:
    found = led_back([Box(0, 0, 100, 70)], REGION)
    assert [found.is_region(threshold) for threshold in (0.5, 0.7, 0.71)] == [True, True, False]


def test_nothing_is_no_region_at_any_threshold() -> None:
    assert not led_back([], REGION).is_region(0.0)


@given(st.lists(corners, max_size=6))
def test_objects_are_told_apart_and_none_is_lost(drawn: list[tuple[int, int, int, int]]) -> None:
    boxes = [Box(*each) for each in drawn]
    found = led_back(boxes, REGION)
    assert all(
        iou(one, other) < SAME_OBJECT
        for number, one in enumerate(found.found)
        for other in found.found[:number]
    )
    assert all(any(iou(box, kept) >= SAME_OBJECT for kept in found.found) for box in boxes)
    assert found.iou == max((iou(box, REGION) for box in found.found), default=0.0)
    assert found.others == max(0, len(found.found) - 1)
