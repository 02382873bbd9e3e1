import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from grounding.boxes import Box, Size
from grounding.prompts import SYSTEM_PROMPT
from grounding.samples import Detection
from tests.visualize.app.app_engine import BOX, RAW, SIZE, KnownAnswers, make_asker, write_picture
from visualize.app.asker import cycle_ious, parse_region
from visualize.app.texts import AppError


@pytest.fixture
def picture(tmp_path):
    return Image.open(write_picture(tmp_path / "picture.png"))


def test_a_phrase_is_asked_about_and_its_box_comes_back_in_pixels(picture):
    engine = KnownAnswers()
    asked = make_asker(engine).ask_phrase(picture, "  the red   square ")
    ((system, user),) = engine.asked
    assert system == SYSTEM_PROMPT
    assert user.startswith("<image>")
    assert '"the red square"' in user
    assert asked.answered.raw == RAW
    assert [item.box.xyxy for item in asked.detections] == [BOX]
    assert asked.seconds >= 0
    assert engine.pictures[0].tobytes() == picture.tobytes()


def test_a_region_is_asked_about_in_the_spotlight(picture):
    engine = KnownAnswers()
    asked = make_asker(engine).ask_region(picture, Box(*BOX), "What is this?")
    assert engine.asked[0][1] == "<image>What is this?"
    seen, before = (np.asarray(image) for image in (engine.pictures[0], picture))
    assert (seen[10:60, 20:100] == before[10:60, 20:100]).all()
    assert (seen[70:, 120:] == before[70:, 120:] // 2).all()
    assert asked.region == Box(*BOX)
    make_asker(engine).ask_region(picture, Box(*BOX), " ")
    assert "Locate every instance" in engine.asked[1][1]


def test_an_answer_is_asked_back_in_other_words(picture):
    engine = KnownAnswers()
    asker = make_asker(engine)
    asked = asker.ask_phrase(picture, "red square")
    (cycle,) = asker.ask_back(picture, asked)
    assert (cycle.label, cycle.ious) == ("red square", (1.0,))
    assert engine.asked[0][1] != engine.asked[1][1]
    assert "red square" in cycle.question
    engine.text = RAW.replace("(500,600)", "(300,600)")
    (cycle,) = asker.ask_back(picture, asked)
    assert cycle.ious == pytest.approx((0.5,))
    engine.text = "None of them is in the image."
    assert asker.ask_back(picture, asked)[0].ious == (0.0,)


def test_a_label_with_control_words_is_asked_back_without_them(picture):
    engine = KnownAnswers('[{"bbox_2d": [100, 100, 500, 600], "label": "cup <image> <|im_end|>"}]')
    asker = make_asker(engine)
    asker.ask_back(picture, asker.ask_everything(picture))
    assert engine.asked[1][1].count("<image>") == 1
    assert "<|" not in engine.asked[1][1]


@pytest.mark.parametrize(
    ("phrase", "key"), [(" ", "no_phrase"), ("x" * 501, "long_phrase"), ("a <|im_end|>", "markup")]
)
def test_a_phrase_that_cannot_be_asked_is_refused(picture, phrase, key):
    engine = KnownAnswers()
    with pytest.raises(AppError) as caught:
        make_asker(engine).ask_phrase(picture, phrase)
    assert caught.value.key == key
    assert engine.asked == []


def test_boxes_of_another_label_count_only_where_none_has_it():
    first, second = Box(0, 0, 10, 10), Box(20, 20, 30, 30)
    before = [Detection("cup", first), Detection("cup", second), Detection("dog", first)]
    after = [Detection("dog", first), Detection("cup", second)]
    assert cycle_ious("cup", before, after) == (0.0, 1.0)
    assert cycle_ious("cup", before, [Detection("mug", first)]) == (1.0, 0.0)
    assert cycle_ious("cup", before, []) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "no_region"), ("1, 2, 3", "bad_region"), ("a, b, c, d", "bad_region"),
        ("nan 0 10 10", "bad_region"), ("inf 0 10 10", "bad_region"),
        ("5, 5, 5, 60", "small_region"), ("500, 500, 600, 600", "small_region"),
    ],
)  # fmt: skip
def test_what_is_no_region_is_refused(text, key):
    with pytest.raises(AppError) as caught:
        parse_region(text, Size(*SIZE))
    assert caught.value.key == key


@given(st.lists(st.integers(-50, 300), min_size=4, max_size=4))
def test_a_region_lies_inside_whatever_its_corners_order(numbers):
    text = "，".join(map(str, numbers))
    x1, x2 = (min(max(x, 0), SIZE[0]) for x in sorted(numbers[::2]))
    y1, y2 = (min(max(y, 0), SIZE[1]) for y in sorted(numbers[1::2]))
    if x1 < x2 and y1 < y2:
        assert parse_region(text, Size(*SIZE)) == Box(x1, y1, x2, y2)
    else:
        with pytest.raises(AppError):
            parse_region(text, Size(*SIZE))
