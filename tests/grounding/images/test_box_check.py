from collections.abc import Sequence
from typing import Any

import pytest

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.images.box_check import BoxCheck

SIZE = Size(640, 480)


def judge(order: str, units: str, boxes: Sequence[Any], size: Size | None = SIZE) -> None:
    check = BoxCheck(order, units)
    for number, box in enumerate(boxes):
        check.add(box, size, f"row {number}")
    check.finish()


GOOD = [100.0, 100.0, 300.0, 200.0]


@pytest.mark.parametrize(
    ("order", "units", "boxes", "message"),
    [
        (
            "xyxy",
            "pixels",
            [GOOD, [300, 200, 50, 60], [9, 9, 2, 2]],
            r"^row 1: box \[300, 200, 50, 60\] is upside",
        ),
        (
            "xywh",
            "pixels",
            [[500, 400, 600, 450], [300, 300, 640, 480]],
            r"^row 0: .* of an image 640x480 reaches out",
        ),
        ("xyxy", "pixels", [[0.1, 0.1, 0.5, 0.5]], r"^row 0: .* has no number above 1"),
        ("xyxy", "grid", [[0, 0, 1, 0.5]], "has no number above 1"),
        ("xyxy", "relative", [[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 1.1]], r"^row 1: .* numbers up to 1:"),
        ("xyxy", "grid", [[0, 0, 1000, 1100]], r"^row 0: .* numbers up to 1000:"),
    ],
)
def test_a_contradiction_names_the_first_row(
    order: str, units: str, boxes: list[list[float]], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        judge(order, units, boxes)


@pytest.mark.parametrize(
    ("order", "units", "boxes"),
    [
        ("xyxy", "pixels", []),
        ("xyxy", "pixels", [GOOD, [300, 200, 50, 60]]),
        ("xyxy", "pixels", [[0, 0, 646, 484]]),
        ("xyxy", "pixels", [[0, 0, 1, 1], GOOD]),
        ("xyxy", "relative", [[0, 0, 1.005, 1]]),
        ("xyxy", "pixels", [None, [1, 2], [1, 2, 3, None], "abcd"[:0], [float("nan")] * 4]),
        ("cxcywh", "relative", [[0.5, 0.5, 1, 1]]),
    ],
)
def test_odd_rows_among_good_ones_are_no_contradiction(order: str, units: str, boxes: list[Any]) -> None:
    judge(order, units, boxes)


def test_without_the_size_nothing_reaches_out() -> None:
    judge("xyxy", "pixels", [[0, 0, 5000, 5000]], size=None)
