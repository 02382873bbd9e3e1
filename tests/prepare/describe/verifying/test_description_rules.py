"""The rules, on what models really say: each text is kept, or dropped for the right reason."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare.describe.describe_settings import DescribeSettings, TextRules
from prepare.describe.verifying import description as reasons
from prepare.describe.verifying.description_rules import clean_description, find_fault, normal_form
from prepare.describe.verifying.label_words import load_words
from prepare.servers.answer_log import SERVER_REFUSES, LoggedAnswer

ENGLISH = DescribeSettings(base_url="http://a/v1", model="m", output_dir="o")
CHINESE = replace(ENGLISH, language="zh")
WORDS = load_words("coco")


def logged(text: str, *, is_cut: bool = False, problem: str | None = None) -> LoggedAnswer:
    return LoggedAnswer(text, is_cut, problem, 0, "2026-01-01T00:00:00+00:00", "teacher")


def fault(text: str, label: str | None = "dog", settings: DescribeSettings = ENGLISH) -> str | None:
    answer = logged(text)
    return find_fault(answer, clean_description(text), label, settings, WORDS)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("the brown dog on the left", "dog"),
        ("The two puppies' mother, a brown dog.", "dog"),
        ("a woman in a red coat, holding an umbrella", "person"),
        ("the men's team captain wearing number 23", "person"),
        ("bus number 42, parked behind the 2 taxis", "bus"),
        ("the buses' driver is in the first of them", "bus"),
        ("a t.v. set? no: the tv on the wall", "tv"),
        ("the man who cannot reach the ball", "person"),
        ("knives in the block next to the sink", "knife"),
        ("the dog (brown, with a collar)", "dog"),
        ("the second-largest dog; it is asleep", "dog"),
        ("the dog lying 3 meters behind the car", "dog"),
        ("the laptop whose screen is on", "laptop"),
        ("the white picture frame above the couch", "couch"),
        ("the cell phone held by a boy", "cell phone"),
        ("a smartphone with a black case", "cell phone"),
        ("whatever this thing may be", None),
        ("the kitten inside the box", "cat"),
        ("the woman in cropped jeans", "person"),
        ("the woman in the picture frame on the wall", "person"),
    ],
)
def test_referring_expressions_are_kept(text: str, label: str | None) -> None:
    assert fault(text, label) is None


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("左边穿红色衣服的女人", "person"),
        ("停在路边的红色公交车", "bus"),
        ("桌子上的笔记本电脑,屏幕亮着", "laptop"),
        ("戴着 Nike 帽子的男孩", "person"),
        ("沙发上的黑猫。", "cat"),
        ("墙上相框里的女人", "person"),
    ],
)
def test_chinese_expressions_are_kept(text: str, label: str) -> None:
    assert fault(text, label, CHINESE) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", reasons.EMPTY),
        ("  \n ", reasons.EMPTY),
        ("<think>only a thought</think>", reasons.EMPTY),
        ("I'm sorry, but I can't help with identifying dogs.", reasons.REFUSAL),
        ("I cannot determine which dog is meant", reasons.REFUSAL),
        ("As an AI, I see a dog", reasons.REFUSAL),
        ("Unable to identify the dog", reasons.REFUSAL),
        ("No image was provided, so no dog", reasons.REFUSAL),
        ("the dog at (120, 340)", reasons.COORDINATES),
        ("the dog at [120, 340, 560, 700]", reasons.COORDINATES),
        ("the dog, 120,340,560,700", reasons.COORDINATES),
        ("the dog with x=120 and y=340", reasons.COORDINATES),
        ("the dog 200 pixels from the left", reasons.COORDINATES),
        ("the dog whose coordinates are central", reasons.COORDINATES),
        ('{"bbox_2d": [1, 2, 30, 40], "label": "dog"}', reasons.COORDINATES),
        ("dog<|box_start|>(1,2),(30,40)<|box_end|>", reasons.COORDINATES),
        ("**the brown dog** on the left", reasons.MARKUP),
        ("- the brown dog on the left", reasons.MARKUP),
        ("# The brown dog on the left", reasons.MARKUP),
        ("the brown dog\n\nIt is on the left.", reasons.MARKUP),
        ("Description: the brown dog on the left", reasons.MARKUP),
        ("the <b>brown</b> dog on the left", reasons.MARKUP),
        ("the brown dog <image> on the left", reasons.MARKUP),
        ("the dog at https://example.org", reasons.MARKUP),
        ("the dog <|im_end|> on the left", reasons.MARKUP),
        ("the brown dog \x1b[2J on the left", reasons.MARKUP),
        ("the brown \u202edog on the left", reasons.MARKUP),
        ("the highlighted dog on the left", reasons.MARKING),
        ("the dog inside the white outline", reasons.MARKING),
        ("the dog within the bounding box", reasons.MARKING),
        ("the dog in the white box", reasons.MARKING),
        ("the dog in this cropped image", reasons.MARKING),
        ("the spotlighted brown dog", reasons.MARKING),
        ("brown dog", reasons.TOO_SHORT),
        ("the dog " + "and another " * 20, reasons.TOO_LONG),
        ("左边的棕色小狗 on the left", reasons.OTHER_LANGUAGE),
        ("the brown animal on the left", reasons.NO_LABEL),
        ("the hotdogstand on the left", reasons.NO_LABEL),
    ],
)
def test_everything_else_is_dropped_for_its_reason(text: str, reason: str) -> None:
    assert fault(text) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("抱歉,我无法识别这只狗", reasons.REFUSAL),
        ("作为AI,我看到一只狗", reasons.REFUSAL),
        ("位于(120,340)的狗", reasons.COORDINATES),
        ("位于（120，340）的狗", reasons.COORDINATES),
        ("狗的坐标在左边", reasons.COORDINATES),
        ("白线框中的狗", reasons.MARKING),
        ("图中框内的狗", reasons.MARKING),
        ("高亮显示的那只狗", reasons.MARKING),
        ("描述:左边的棕色小狗", reasons.MARKUP),
        ("一只狗", reasons.TOO_SHORT),
        ("狗" * 61, reasons.TOO_LONG),
        ("the brown dog on the left", reasons.OTHER_LANGUAGE),
        ("左边的棕色动物", reasons.NO_LABEL),
    ],
)
def test_chinese_is_dropped_for_its_reason(text: str, reason: str) -> None:
    assert fault(text, "dog", CHINESE) == reason


def test_what_came_in_place_of_an_answer_is_dropped() -> None:
    text = "the brown dog on the left"
    for problem, reason in (
        ("refusal", reasons.REFUSAL),
        ("stopped by the server's content filter", reasons.IN_PLACE),
        (SERVER_REFUSES, reasons.REFUSED),
    ):
        assert find_fault(logged(text, problem=problem), text, "dog", ENGLISH, WORDS) == reason
    assert find_fault(logged(text, is_cut=True), text, "dog", ENGLISH, WORDS) == reasons.CUT


def test_the_rules_follow_the_settings() -> None:
    free = replace(ENGLISH, text=TextRules(shortest=1, longest=2, name_label=False))
    assert fault("an animal", "dog", free) is None
    assert fault("an animal outside", "dog", free) == reasons.TOO_LONG
    assert fault("the spotlight on the stage", "spotlight") is None  # its label is no marking


def test_an_answer_is_cleaned() -> None:
    assert clean_description(' "The brown dog  on the left." ') == "The brown dog on the left"
    assert clean_description("“左边的棕色小狗”。") == "左边的棕色小狗"
    assert clean_description("<think>Which one?</think>\nthe brown dog") == "the brown dog"
    assert clean_description('the dog called "Rex"') == 'the dog called "Rex"'
    assert clean_description("一只狗在“家”。") == "一只狗在“家”"


def test_same_words_have_one_form() -> None:
    assert normal_form("The brown dog, on the left") == normal_form("the Brown dog on the left")
    assert normal_form("the brown dog on the left") != normal_form("the brown dog on the right")


@given(st.text(max_size=200))
def test_any_text_has_a_verdict(text: str) -> None:
    cleaned = clean_description(text)
    verdict = find_fault(logged(text), cleaned, "dog", ENGLISH, WORDS)
    assert verdict is None or isinstance(verdict, str)
    if verdict is None:
        assert cleaned.isprintable()
