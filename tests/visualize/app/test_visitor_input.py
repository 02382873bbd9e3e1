import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Box, Size
from tests.visualize.app.app_engine import SIZE
from visualize.app.texts import AppError
from visualize.app.visitor_input import clean_question, parse_point, parse_region


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "no_region"), ("1, 2, 3", "bad_region"), ("a, b, c, d", "bad_region"),
        ("nan 0 10 10", "bad_region"), ("inf 0 10 10", "bad_region"),
        ("5, 5, 5, 60", "small_region"), ("500, 500, 600, 600", "small_region"),
    ],
)  # fmt: skip
def test_what_is_no_region_is_refused(text, key):
    with pytest.raises(AppError) as caught:
        parse_region(text, Size(*SIZE))
    assert caught.value.key == key


@given(st.lists(st.integers(-50, 300), min_size=4, max_size=4))
def test_a_region_lies_inside_whatever_its_corners_order(numbers):
    text = "，".join(map(str, numbers))
    x1, x2 = (min(max(x, 0), SIZE[0]) for x in sorted(numbers[::2]))
    y1, y2 = (min(max(y, 0), SIZE[1]) for y in sorted(numbers[1::2]))
    if x1 < x2 and y1 < y2:
        assert parse_region(text, Size(*SIZE)) == Box(x1, y1, x2, y2)
    else:
        with pytest.raises(AppError):
            parse_region(text, Size(*SIZE))


def test_whatever_a_program_sends_is_text_that_can_be_encoded():
    assert clean_question("a \ud800 b") == "a ? b"
    for sent in (None, 7, ["x"], {"path": "/etc/passwd"}, True):
        assert clean_question(sent) == ""
        with pytest.raises(AppError) as caught:
            parse_region(sent, Size(*SIZE))
        assert caught.value.key == "no_region"
    with pytest.raises(AppError):
        parse_region("1, " * 1_000_000, Size(*SIZE))


@pytest.mark.parametrize("text", ["20, 10", " 20 10 ", "20，10", "20;10", "20.0,10"])
def test_a_point_is_two_numbers_inside_the_picture(text):
    assert parse_point(text, Size(*SIZE)) == (20.0, 10.0)


@pytest.mark.parametrize(
    "sent", ["", "20", "20, 10, 5", "x, y", "-1, 5", "nan, 5", "inf, 5", "1e9, 5", None, 7]
)
def test_what_is_no_point_is_refused(sent):
    with pytest.raises(AppError) as caught:
        parse_point(sent, Size(*SIZE))
    assert caught.value.key == "no_point"
    with pytest.raises(AppError):
        parse_point(f"{SIZE[0]}, 0", Size(*SIZE))
