"""Numbers and bullets of lists are no part of a name; numbers of the name are."""

from itertools import product

import pytest

from grounding.answers.reader import read_answer
from grounding.answers.spellings.list_marks import list_mark_length
from grounding.boxes import Size

MARKS = ("- ", "* ", "• ", "1. ", "12) ", "(3) ", "#4 ", "#4: ", "5、", "（6）", "1.", "**7. ", "")
NAMES = ("dog", "7 up bottle", "3.5 mm plug", "狗", "red cat")
BOXES = (
    "(100,200),(300,400)",
    "[100, 200, 300, 400]",
    ": [100, 200, 300, 400]",
    "<box>100,200,300,400</box>",
)
WRITTEN = [pair for pair in product(MARKS, NAMES) if not (pair[0] in ("1.", "5、") and pair[1][0].isdigit())]


@pytest.mark.parametrize(("mark", "name"), WRITTEN)
def test_marks_of_lists_are_left_out(mark: str, name: str) -> None:
    for box in BOXES:
        written = "\n".join(f"{mark}{name} {box}" for _ in range(2))
        reading = read_answer(written, Size(1000, 1000))
        assert [item.label for item in reading.detections] == [name, name], written
        assert [written[slice(*spans[0])] for spans in reading.spans] == [name, name], written


@pytest.mark.parametrize(
    "name", ["3.5 mm plug", "7 up", "2x4 board", "1.5l bottle", "#hashtag", "1000 piece puzzle", "no. 5"]
)
def test_numbers_of_names_stay(name: str) -> None:
    assert list_mark_length(name) == 0


def test_names_within_tokens_are_as_they_are() -> None:
    answer = "<|object_ref_start|>1. dog<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"
    assert [item.label for item in read_answer(answer, Size(1000, 1000)).detections] == ["1. dog"]
