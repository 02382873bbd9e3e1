from math import inf, nan

import numpy as np
import pytest

from grounding.boxes import Box, Size
from grounding.errors import UserError
from infer.engines.segment.segmenter import (
    Click,
    MaskPrompt,
    check_inside,
    hull_box,
    mask_iou,
    obeying_clicks,
)


@pytest.mark.parametrize(
    ("clicks", "box", "message"),
    [
        ((), None, "no object is named"),
        ((Click(1, 1, False),), None, "no object is named"),
        ((Click(nan, 1),), None, "no finite number"),
        ((Click(1, 1),), Box(0, 0, inf, 1), "no finite number"),
    ],
)
def test_a_prompt_names_an_object(clicks: tuple[Click, ...], box: Box | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MaskPrompt(clicks, box)


def test_one_click_is_ambiguous() -> None:
    assert MaskPrompt((Click(1, 1),)).is_ambiguous
    assert not MaskPrompt((Click(1, 1), Click(2, 2, False))).is_ambiguous
    assert not MaskPrompt((Click(1, 1),), Box(0, 0, 2, 2)).is_ambiguous


@pytest.mark.parametrize("point", [(-0.5, 1), (1, -1), (20, 1), (1, 10)])
def test_a_click_outside_is_refused(point: tuple[float, float]) -> None:
    with pytest.raises(UserError, match=r"outside of the picture of 20x10 pixels"):
        check_inside(MaskPrompt((Click(*point),), Box(0, 0, 5, 5)), Size(20, 10))


@pytest.mark.parametrize("corners", [(20, 0, 30, 5), (-9, 0, 0, 5), (5, 5, 5, 9), (9, 9, 3, 3)])
def test_a_box_without_area_inside_is_refused(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(UserError, match="no area inside of the picture of 20x10 pixels"):
        check_inside(MaskPrompt(box=Box(*corners)), Size(20, 10))


def test_what_lies_inside_passes() -> None:
    check_inside(MaskPrompt((Click(0, 0), Click(19.9, 9.9)), Box(-5, -5, 1, 1)), Size(20, 10))


def test_clicks_are_obeyed_and_a_negative_one_wins() -> None:
    mask = np.zeros((4, 5), dtype=np.bool_)
    mask[:, 2:] = True
    prompt = MaskPrompt((Click(4, 3, False), Click(0.9, 1.2), Click(3, 0), Click(3, 0, False)))
    changed = obeying_clicks(mask, prompt)
    assert changed[1, 0]
    assert not changed[3, 4]
    assert not changed[0, 3]
    assert int((changed != mask).sum()) == 3


def test_the_hull_has_the_edges_of_the_outermost_pixels() -> None:
    mask = np.zeros((6, 9), dtype=np.bool_)
    assert hull_box(mask) is None
    mask[2, 3] = mask[4, 7] = True
    assert hull_box(mask) == Box(3, 2, 8, 5)


def test_the_iou_of_masks() -> None:
    left, right = np.zeros((2, 4), dtype=np.bool_), np.zeros((2, 4), dtype=np.bool_)
    assert mask_iou(left, right) == 0
    left[:, :3], right[:, 1:] = True, True
    assert mask_iou(left, right) == 0.5
