import string

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box, Size
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer
from visualize.app.answer_html import describe_answer, describe_error, draw_answer, shown_size
from visualize.app.asker import Asked
from visualize.app.model_wordings import choose_wordings
from visualize.app.texts import TEXTS, AppError, choose_language, say, translations

HOSTILE = "<img src=x onerror=alert(1)>"
CUP = Detection("cup", Box(10, 10, 40, 30), 0.875)


def asked(*detections, problems=(), **changes):
    return Asked(
        **{
            "question": "Where?",
            "answered": ParsedAnswer("raw", detections, problems),
            "seconds": 1.234,
            **changes,
        }
    )


def test_both_languages_say_everything_with_the_same_gaps():
    for key, texts in TEXTS.items():
        gaps = [sorted({name for _, name, _, _ in string.Formatter().parse(text) if name}) for text in texts]
        assert gaps[0] == gaps[1], key
        assert all(texts), key
    assert set(translations()) == {"en", "zh", "zh-CN", "zh-TW"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.1", "en"),
        ("fr,zh", "zh"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_the_browsers_first_that_is_spoken(accepted, language):
    assert choose_language(accepted) == language


def test_the_objects_their_scores_and_the_time_are_told():
    text = describe_answer(asked(CUP), choose_wordings(None), "en")
    for part in ("1 object in 1.2 s.", "cup", "0.88", "10, 10, 40, 30", "Where?"):
        assert part in text
    assert "找到 1 个物体" in describe_answer(asked(CUP), choose_wordings(None), "zh")


def test_a_score_that_nobody_gave_is_not_shown():
    without = describe_answer(asked(Detection("cup", CUP.box)), choose_wordings(None), "en")
    assert "Score" not in without


def test_nothing_found_is_another_thing_than_an_unreadable_answer():
    wordings = choose_wordings(None)
    assert "Nothing was found" in describe_answer(asked(), wordings, "en")
    unreadable = describe_answer(asked(problems=("no box in the answer",)), wordings, "en")
    assert "names no box" in unreadable
    assert "no box in the answer" in unreadable


def test_what_a_model_or_a_visitor_wrote_is_shown_as_text():
    item = Detection(HOSTILE, CUP.box)
    text = describe_answer(asked(item, problems=(HOSTILE,), question=HOSTILE), choose_wordings(None), "en")
    assert "<img" not in text
    assert text.count("&lt;img") == 3
    assert "<img" not in describe_error(AppError("refused", HOSTILE), "en")


def test_the_overlap_with_a_drawn_region_is_told():
    text = describe_answer(asked(CUP, region=Box(10, 10, 25, 30)), choose_wordings(None), "en")
    assert "0.50" in text


@pytest.mark.parametrize(
    ("size", "shown"),
    [((64, 64), (640, 640)), ((800, 600), (800, 600)), ((6000, 30), (1600, 8)), ((1, 1), (640, 640))],
)
def test_pictures_are_shown_at_a_size_to_look_at(size, shown):
    assert shown_size(Size(*size)) == Size(*shown)


def test_the_region_of_a_drawn_answer_is_lit():
    picture = Image.new("RGB", (64, 64), (100, 100, 100))
    drawn = np.asarray(draw_answer(picture, asked(region=Box(0, 0, 32, 64)), ()))
    assert drawn.shape == (640, 640, 3)
    assert (drawn[:, :320] == 100).all()
    assert (drawn[:, 330:] == 50).all()


def test_every_error_is_a_sentence():
    for key in ("no_picture", "not_a_picture", "no_phrase", "no_region", "bad_region", "nothing_asked"):
        assert say("en", key).endswith(".")
        assert say("zh", key).endswith("。")
