import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare.reasons import RECORD_POINT, RECORD_UNREADABLE, UnusableQueryError
from prepare.source_types import StatedBox
from prepare.sources.record_parts.text_boxes import find_text_boxes, rewrite_text_boxes, stated_box


@pytest.mark.parametrize(
    "text",
    [
        "A cat.",
        "None of them is in the image.",
        "There are 3 cats and 2 dogs, on 1 of 4 chairs.",
        "See [3, 4] and [1, 2, 3].",
        "1, 2, 3, 4, 5, 6",
        "On 2026-11-26 at 10:30:15, version 1.2.3.4",
        '[{"label": "cat", "count": 3}]',
        'Answer in JSON: [{"bbox_2d": [x1, y1, x2, y2], "label": "..."}]',
        "<ref-object><bbox> and <ref-object>",
        "",
    ],
)
def test_text_without_boxes_is_left_alone(text: str) -> None:
    assert find_text_boxes(text) == ([], [])
    assert find_text_boxes(text, is_question=True) == ([], [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"bbox_2d": [1, 2, 3', RECORD_UNREADABLE),
        ("<box>1, 2, 3</box>", RECORD_UNREADABLE),
        ("It is at 1, 2, 3, 4 I think", RECORD_UNREADABLE),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "a"}, {"bbox_2d": [5, 6], "label": "b"}]', RECORD_POINT),
        ('{"point_2d": [1, 2]}', RECORD_POINT),
    ],
)
def test_numbers_that_look_like_boxes_are_never_prose(text: str, reason: str) -> None:
    with pytest.raises(UnusableQueryError, match=reason):
        find_text_boxes(text)


def test_boxes_in_thoughts_stand_apart() -> None:
    text = "<think>cat(1,2),(3,4)</think>dog(5,6),(7,8)"
    stated, inside = find_text_boxes(text)
    assert [box.numbers for box in stated] == [(5, 6, 7, 8)]
    assert [box.numbers for box in inside] == [(1, 2, 3, 4)]
    boxes = [*stated, *inside]
    double = rewrite_text_boxes(
        text, boxes, [0] * len(boxes), lambda box, _: [int(2 * number) for number in box]
    )
    assert double == "<think>cat(2,4),(6,8)</think>dog(10,12),(14,16)"
    assert find_text_boxes("cat [1, 2, 3, 4]</think>[5, 6, 7, 8]")[1][0].numbers == (1, 2, 3, 4)


def test_the_text_can_state_order_and_units() -> None:
    (percent,), _ = find_text_boxes('{"bbox": [10%, 20%, 30%, 40%]}')
    assert stated_box(percent) == StatedBox((0.1, 0.2, 0.3, 0.4), None, "relative")
    (named,), _ = find_text_boxes('{"x": 1, "y": 2, "w": 3, "h": 4}')
    assert stated_box(named) == StatedBox((1, 2, 3, 4), "xywh", None)


numbers = st.integers(0, 999).map(str) | st.floats(0, 999).map(lambda number: f"{number:.2f}")


@given(st.lists(numbers, min_size=4, max_size=4), st.text("abc ,.\n{}[]()\"'", max_size=20))
def test_only_the_numbers_of_boxes_change(box: list[str], words: str) -> None:
    text = f'{words}\n{{"bbox_2d": [{", ".join(box)}], "label": "cat"}}'
    try:
        stated, inside = find_text_boxes(text)
    except UnusableQueryError:
        return
    boxes = [*stated, *inside]
    written = rewrite_text_boxes(text, boxes, [0] * len(boxes), lambda *_: [1, 2, 3, 4])
    assert written == (text.replace(", ".join(box), "1, 2, 3, 4") if stated else text)
