"""Answers as the writer writes them, and labels that are hard to read back, for the tests of the grammar."""

from collections.abc import Sequence

from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.reader import read_answer
from grounding.answers.writer import CandidateUse, write_answer
from grounding.boxes import GRID, Box, Size
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection

SIZE = Size(GRID, GRID)

HARD_LABELS = (
    *("dog", "traffic light", 'the "big" one', "it's", "back\\slash", "a \\n b", "[5]", "{curly}", "(round)"),
    *(
        "a, b",
        "3 men",
        "50%",
        "红色方块",
        "“引号”的狗",
        "左边，第二个",
        "１２号",
        "ẞéñ",
        "😀 face",
        "a < b",
        "a|b",
    ),
    *("a\u3000b", "\u200bzero", "x>y", "a|b", "C:\\dir\\", "?", ":", "0", "1,2,3,4", "None", "[]"),
)

_PIECES = (
    *("a", "b", " ", "1", "2", ".", ",", "-", "%", "/", "\\", '"', "'", "<", ">", "|", "(", ")", "[", "]"),
    *(
        "{",
        "}",
        ":",
        "，",
        "、",
        "（",
        "［",
        "【",
        "｛",
        "＼",
        "＜",
        "“",
        "”",
        "◁",
        "▷",
        "中",
        "é",
        "😀",
        "　",
        "\x85",
    ),
    *("box", "BBox", "coords", "label", "think", "answer", "bbox_2d", "(1,2)", "[1, 2", "\n", "None", "`"),
    *("é", "😀", "　", "\x85"),
)
nasty_labels = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=6).map("".join)
"""Labels made of what the reader has rules for; it cannot read all of them back."""

plain_labels = st.text(
    st.characters(exclude_characters="<>|◁＼＜＞｜", exclude_categories=("Cs", "Cc", "Z")), min_size=1
).filter(lambda label: not set("([{（［【｛\"'“”").intersection(label))


@st.composite
def grid_boxes(draw: st.DrawFn) -> Box:
    x1, x2 = sorted(draw(st.lists(st.integers(0, GRID), min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(draw(st.lists(st.integers(0, GRID), min_size=2, max_size=2, unique=True)))
    return Box(*map(float, (x1, y1, x2, y2)))


_HARD_PIECES = (
    *(
        '"',
        "\\",
        "\\n",
        "\n",
        "'",
        '": "',
        "<|box_end|>",
        "<|object_ref_start|>",
        "<bbox>",
        "<image>",
        "</think>",
    ),
    *("(1,2),(3,4)", '(1,2),(3,4): "x"', "[1, 2, 3, 4]", '{"bbox_2d": [1,2,3,4], "label": "x"}', "bbox_2d"),
    *(
        "a",
        " ",
        ", ",
        "，",
        "（１，２）",
        "“",
        "”",
        "＼",
        "＜",
        "◁/think▷",
        "label",
        "中",
        "😀",
        "```",
        "//",
        "#",
        "\x85",
    ),
    *(
        '<box x1="1" y1="2" x2="3" y2="4">',
        "＜box x1=1 y1=2 x2=3 y2=4＞",
        "nothing found",
        "没有",
        "}",
        "{",
        "]",
        "[",
        "\t",
        "\x00",
        "\u2028",
    ),
)
_hard_texts = st.lists(st.sampled_from(_HARD_PIECES), min_size=1, max_size=6).map("".join)
description_texts = (_hard_texts | st.text(min_size=1)).filter(str.strip)
"""Arbitrary descriptions: all but blank ones, which are none."""


def described_objects(labels: st.SearchStrategy[str]) -> st.SearchStrategy[list[Detection]]:
    one = st.builds(Detection, labels, grid_boxes(), description=st.none() | description_texts)
    return st.lists(one, max_size=4, unique_by=lambda item: (item.label, item.box))


def objects_named(labels: st.SearchStrategy[str]) -> st.SearchStrategy[list[Detection]]:
    return st.lists(st.builds(Detection, labels, grid_boxes()), max_size=4, unique=True)


def written(
    answer_format: str, detections: Sequence[Detection], uses: Sequence[CandidateUse | None] = ()
) -> str:
    answer = write_answer(answer_format, detections, SIZE, uses)
    return fill_placeholders([answer.content], answer.objects)[0]


def objects_in_pictures(labels: st.SearchStrategy[str], pictures: int) -> st.SearchStrategy[list[Detection]]:
    """Objects of several pictures, in the order in which the writer writes them."""
    one = st.builds(Detection, labels, grid_boxes(), picture=st.integers(0, pictures - 1))
    several = st.lists(one, max_size=5, unique=True)
    return several.map(lambda found: sorted(found, key=lambda item: item.picture))


def written_about(answer_format: str, detections: Sequence[Detection], pictures: int) -> str:
    answer = write_answer(answer_format, detections, Asked((SIZE,) * pictures))
    return fill_placeholders([answer.content], answer.objects)[0]


def reads_back(text: str, detections: Sequence[Detection]) -> bool:
    reading = read_answer(text, SIZE)
    return reading.problems == () and list(reading.detections) == list(detections)
