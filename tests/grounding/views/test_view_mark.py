from typing import Any

import pytest

from grounding.boxes import GRID, Size
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.conversation import parse_record
from grounding.views.view_mark import Views, language_of, read_views, without_views

REGIONS = ((0, 0, 571, 571), (429, 429, 1000, 1000))


def shown(question: str = "<image>Find every dog.") -> dict[str, Any]:
    """Return a record that shows two views of its image."""
    views = Views.introduced(REGIONS, question)
    return {
        "messages": [
            {"role": "system", "content": "You help."},
            {"role": "user", "content": views.add_to(question)},
            {"role": "assistant", "content": "<ref-object><bbox>"},
        ],
        "images": ["images/1.png", "images/view_a.png", "images/view_b.png"],
        "objects": {"ref": ["dog"], "bbox": [[1, 2, 30, 40]]},
        "views": views.as_json(),
    }


def test_views_are_introduced_by_number_place_and_corners() -> None:
    assert shown()["messages"][1]["content"] == (
        "<image>\n"
        "Image 2, upper left, (0, 0) to (571, 571) of Image 1: <image>\n"
        "Image 3, lower right, (429, 429) to (1000, 1000) of Image 1: <image>\n"
        "All boxes are those of Image 1.\n"
        "Find every dog."
    )
    chinese = shown("<image>检测“dog”的所有实例。")["messages"][1]["content"]
    assert chinese.startswith("<image>\n图2，图1的左上部分，(0, 0)到(571, 571)：<image>\n图3，图1的右下部分")


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("<image>Find every 狗 in the image.", "en"),
        ("<image>检测“dog”的所有实例", "zh"),
        ("<image>", "en"),
        ("<image>任务:目标检测", "zh"),
    ],
)
def test_the_language_is_that_of_most_words(question: str, language: str) -> None:
    assert language_of(question) == language


def test_a_record_with_views_is_about_its_first_image_alone() -> None:
    record = parse_record(shown())
    assert record.pictures == ("images/1.png",)
    assert record.shown == (1,)
    (dog,) = record.read_answers(Size(GRID, GRID)).detections
    assert (dog.label, dog.picture, dog.box.xyxy) == ("dog", 0, (1, 2, 30, 40))
    assert list(check_record(shown(), Contract(frozenset({"dog"}), "You help.", "objects"))) == []
    plain = without_views(shown())
    assert plain["messages"][1]["content"] == "<image>Find every dog."
    assert plain["images"] == ["images/1.png"]
    assert "views" not in plain
    assert without_views(plain) is plain


@pytest.mark.parametrize(
    "changed",
    [
        {"images": ["images/1.png", "images/view_a.png"]},
        {"views": {"regions": [[0, 0, 571, 571]], "text": "<image>\nImage 2: <image>\n"}},
        {"views": {"regions": [[0, 0, 571, 0], [0, 0, 9, 9]], "text": "<image><image><image>"}},
        {"views": {"regions": [[0, 0, 571, 1001], [0, 0, 9, 9]], "text": "<image><image><image>"}},
        {"views": {"regions": [], "text": "<image>"}},
        {"views": {"regions": [[0, 0, 9, 9]] * 2, "text": "<image><image><image>"}},
        {"views": {"regions": [[0, 0, 9, 9]] * 2, "text": 7}},
    ],
)
def test_a_mark_that_the_record_does_not_keep_is_a_flaw(changed: dict[str, Any]) -> None:
    flaws = [flaw.kind for flaw in check_record(shown() | changed, Contract())]
    assert "question does not show the views of its mark" in flaws


def test_another_tools_value_is_no_mark() -> None:
    assert read_views({"views": 3}) is None
    assert read_views({"views": {"front": "a.png"}}) is None
    assert read_views(None) is None
