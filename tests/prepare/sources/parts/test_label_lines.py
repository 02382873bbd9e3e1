"""YOLO's lines of every kind."""

import pytest

from prepare.source_types import BoxFormat
from prepare.sources.parts.label_lines import LabelLines, longer_lines, may_be_key_points

BOX = "0 0.5 0.5 0.2 0.4"
PLAIN = LabelLines(["cat"], BoxFormat("cxcywh", "relative"))
POSE = LabelLines(["cat"], BoxFormat("cxcywh", "relative"), key_points=6)
POINTS = " 0.45 0.4 2 0.55 0.6 1"


@pytest.mark.parametrize("line", [BOX, f"{BOX} 0.93", f"{BOX} 1"])
def test_a_box_with_or_without_confidence(line: str) -> None:
    for lines in (PLAIN, POSE):
        assert lines.read(line) == ("cat", [0.5, 0.5, 0.2, 0.4])


def test_key_points_are_left_aside() -> None:
    assert POSE.read(BOX + POINTS) == POSE.read(f"{BOX}{POINTS} 0.9") == ("cat", [0.5, 0.5, 0.2, 0.4])


@pytest.mark.parametrize("line", ["0", "0 0.1 0.1 0.1", f"{BOX} 1.5", f"{BOX} 0.1 0.1 0.1", f"{BOX}{POINTS}"])
@pytest.mark.parametrize("lines", [PLAIN, LabelLines(["cat"], PLAIN.box_format, key_points=4)])
def test_any_other_count_is_refused(lines: LabelLines, line: str) -> None:
    line += " 0.1" if line.endswith(POINTS) and lines is PLAIN else ""  # an even number is an outline
    with pytest.raises(ValueError, match="numbers after the class are not"):
        lines.read(line)


def test_an_outline_and_an_oriented_box_get_the_box_around_them() -> None:
    label, box = PLAIN.read("7 0.1 0.2 0.5 0.25 0.3 0.75")
    assert label is None
    assert box == pytest.approx([0.3, 0.475, 0.4, 0.55])


def test_key_points_without_a_word_are_noticed() -> None:
    pose = longer_lines(b"0 0.5 0.5 0.2 0.4 0.45 0.4 0.5 0.5 0.55 0.6 0.5 0.5\n" * 3)
    outline = longer_lines(b"0 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3 0.05 0.2 0.07 0.15\n")
    assert may_be_key_points(pose)
    assert not may_be_key_points(pose + outline)
    assert not may_be_key_points([])
