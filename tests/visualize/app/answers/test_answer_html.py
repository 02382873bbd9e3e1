from dataclasses import replace
from xml.etree import ElementTree

import pytest

from grounding.boxes import Box
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer
from visualize.app.answered_question import AnsweredQuestion, LabelCheck
from visualize.app.answers.answer_html import describe_answer, describe_checks, describe_error
from visualize.app.answers.html_templates import TEMPLATES, render
from visualize.app.model_wordings import choose_wordings
from visualize.app.texts import AppError

HOSTILE = "<img src=x onerror=alert(1)>"
CUP = Detection("cup", Box(10, 10, 40, 30), 0.875)


def answered_question(*detections, problems=(), **changes):
    return AnsweredQuestion(
        **{
            "question": "Where?",
            "answered": ParsedAnswer("raw", detections, problems),
            "seconds": 1.234,
            **changes,
        }
    )


def test_the_objects_their_scores_and_the_time_are_told():
    text = describe_answer(answered_question(CUP), choose_wordings(None), "en")
    for part in ("1 object in 1.2 s.", "cup", "0.88", "10, 10, 40, 30", "Where?"):
        assert part in text
    assert "找到 1 个物体" in describe_answer(answered_question(CUP), choose_wordings(None), "zh")


def test_a_score_that_nobody_gave_is_not_shown():
    without = describe_answer(answered_question(Detection("cup", CUP.box)), choose_wordings(None), "en")
    assert "Score" not in without


def test_descriptions_have_a_column_where_there_are_any():
    told = replace(CUP, description="a <b> cup")
    text = describe_answer(answered_question(told, CUP), choose_wordings(None), "zh")
    assert "描述" in text
    assert "a &lt;b&gt; cup" in text
    assert "描述" not in describe_answer(answered_question(CUP), choose_wordings(None), "zh")


def test_nothing_found_is_another_thing_than_an_unreadable_answer():
    wordings = choose_wordings(None)
    assert "Nothing was found" in describe_answer(answered_question(), wordings, "en")
    unreadable = describe_answer(answered_question(problems=("no box in the answer",)), wordings, "en")
    assert "contains no box" in unreadable
    assert "no box in the answer" in unreadable


def test_what_a_model_or_a_visitor_wrote_is_shown_as_text():
    item = Detection(HOSTILE, CUP.box)
    text = describe_answer(
        answered_question(item, problems=(HOSTILE,), question=HOSTILE), choose_wordings(None), "en"
    )
    assert "<img" not in text
    assert text.count("&lt;img") == 3
    assert "<img" not in describe_error(AppError("refused", HOSTILE), "en")


def test_the_overlap_with_a_drawn_region_is_told():
    text = describe_answer(answered_question(CUP, region=Box(10, 10, 25, 30)), choose_wordings(None), "en")
    assert "0.50" in text


def test_the_boxes_of_each_label_are_compared_and_shown_as_text():
    checks = [LabelCheck("cup", HOSTILE, (1.0, 0.25)), LabelCheck("dog", "Where is the dog?", (0.5,))]
    text = describe_checks(answered_question(CUP), checks, choose_wordings(None), "en")
    assert "mean IoU of 0.58" in text
    assert (text.count('class="good"'), text.count('class="bad"')) == (2, 1)
    assert "&lt;img" in text
    assert "<img" not in text
    assert "Only the first" not in text
    many = [Detection(f"label {number}", CUP.box) for number in range(9)]
    assert "Only the first 8 labels" in describe_checks(
        answered_question(*many), [], choose_wordings(None), "en"
    )


@pytest.mark.parametrize(
    "text", ['"><script>alert(1)</script>', "{{ 7 * 7 }}", "{% raw %}", "' onclick='x", "&lt;"]
)
def test_no_text_leaves_its_place_in_the_page(text):
    described = describe_answer(
        answered_question(Detection(text, CUP.box), problems=(text,), question=text),
        choose_wordings(None),
        "en",
    )
    elements = ElementTree.fromstring(f"<div>{described}</div>")
    assert elements.find(".//q").text == text
    assert elements.find(".//span").text == text
    assert elements.find(".//li").text == text
    assert {name for element in elements.iter() for name in element.attrib} == {"class", "style"}


def test_only_the_style_of_the_head_is_not_escaped():
    unescaped = [path.name for path in TEMPLATES.iterdir() if "safe" in path.read_text(encoding="utf-8")]
    assert unescaped == ["head.html"]
    assert render("model_name.html", name=HOSTILE).startswith("<p>&lt;img")
