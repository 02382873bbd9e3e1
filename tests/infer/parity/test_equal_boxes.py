"""How many boxes are equal: by label and numbers, in any order."""

import pytest

from infer.parity.equal_boxes import count_equal_boxes
from infer.parity.seen import SeenAnswer
from tests.infer.parity.made_answers import comparison

TWO = "red(1,2),(30,40)blue(5,6),(70,80)"


@pytest.mark.parametrize(
    ("theirs", "ours", "boxes", "equal"),
    [
        (TWO, TWO, 4, 4),
        ("blue(5,6),(70,80)red(1,2),(30,40)", TWO, 4, 4),
        ("red(1,2),(30,40)", TWO, 3, 2),
        ("red(1,2),(30,41)blue(5,6),(70,80)", TWO, 4, 2),
        ("green(1,2),(30,40)", "red(1,2),(30,40)", 2, 0),
        ("red(1,2),(30,40)" * 2, "red(1,2),(30,40)", 3, 2),
        ("", TWO, 2, 0),
        (
            "<|object_ref_start|>red<|object_ref_end|><|box_start|>(1,2),(30,40)<|box_end|>",
            "red(1,2),(30,40)",
            2,
            2,
        ),
        ("words", "words", 2, 2),  # no boxes: by their text
        ("words", "other words", 2, 0),
    ],
)
def test_boxes_are_counted_on_both_sides(theirs: str, ours: str, boxes: int, equal: int) -> None:
    counted = count_equal_boxes(comparison(SeenAnswer(theirs), ours=SeenAnswer(ours)).pairs)
    assert (counted.boxes, counted.equal) == (boxes, equal)
    assert counted.is_enough is (boxes == equal)


def test_texts_without_boxes_that_part_at_a_tie_are_equal() -> None:
    one = SeenAnswer("a b", ("a", " b"), (-0.5, -2.0))
    for logprob, equal in ((-2.001, 2), (-1.5, 0)):
        other = SeenAnswer("a c", ("a", " c"), (-0.5, logprob))
        assert count_equal_boxes(comparison(other, ours=one).pairs).equal == equal


def test_99_of_100_are_enough() -> None:
    pairs = comparison(
        *[SeenAnswer(TWO)] * 99, SeenAnswer("x(1,2),(3,4)y(1,2),(3,4)"), ours=SeenAnswer(TWO)
    ).pairs
    assert count_equal_boxes(pairs).is_enough
    assert not count_equal_boxes(pairs[1:]).is_enough
