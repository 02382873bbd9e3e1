"""Where the boxes of an answer are written, in tokens of one character and of many."""

import re

import pytest

from infer.engines.paddle.boxes.box_places import box_places
from models.heads.box import PLACES

TOKENS_FORM = (
    "<|object_ref_start|>red cup<|object_ref_end|><|box_start|>(100,250),(500,1000)<|box_end|>"
    "<|box_start|>(7,8),(90,90)<|box_end|>"
)
JSON_FORM = (
    '[{"bbox_2d": [100, 250, 500, 1000], "label": "red cup"}, {"bbox_2d": [7, 8, 90, 90], "label": "a"}]'
)
BOXES = [(0.1, 0.25, 0.5, 1.0), (0.007, 0.008, 0.09, 0.09)]


def split(text: str, *, whole_numbers: bool) -> list[str]:
    digits = r"\d+" if whole_numbers else r"\d"
    return re.findall(rf"<\|\w+\|>|{digits}|[a-z]+|.", text)


@pytest.mark.parametrize("whole_numbers", [True, False])
@pytest.mark.parametrize("text", [TOKENS_FORM, JSON_FORM])
def test_the_places_are_those_of_label_box_and_numbers(text: str, whole_numbers: bool) -> None:
    tokens = split(text, whole_numbers=whole_numbers)
    found = box_places(text, tokens, in_thought=False)
    assert [box.shares for box in found] == [pytest.approx(shares) for shares in BOXES]
    for box, numbers in zip(found, ([100, 250, 500, 1000], [7, 8, 90, 90]), strict=True):
        label_end, box_end, *places = box.places
        before = "".join(tokens[: label_end + 1])
        assert re.search(rf"{box.label}(<\|object_ref_end\|>)?\"?$", before)
        assert "".join(tokens[: box_end + 1]).endswith(text[box.span[0] : box.span[1]])
        for number, place in zip(numbers, places, strict=True):
            assert "".join(tokens[place + 1 :]).startswith(str(number))
            assert not tokens[place][-1].isdigit()


def test_a_cut_answer_has_the_boxes_that_are_left() -> None:
    tokens = split(TOKENS_FORM, whole_numbers=False)
    cut = TOKENS_FORM.index("(7,8)")
    assert len(box_places(TOKENS_FORM[:cut], tokens, in_thought=False)) == 1


def test_a_thought_has_no_boxes() -> None:
    text = f"{TOKENS_FORM}</think>nothing"
    assert box_places(text, split(text, whole_numbers=True), in_thought=True) == []


def test_a_box_at_the_very_start_has_states() -> None:
    text = "100, 250, 500, 1000"
    (box,) = box_places(text, split(text, whole_numbers=True), in_thought=False)
    assert min(box.places) == 0
    assert len(box.places) == len(PLACES)
