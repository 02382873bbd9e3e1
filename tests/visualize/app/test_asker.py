import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box
from grounding.card import Card, save_card
from grounding.categories import number_categories
from grounding.images.region_pictures import draw_spotlight
from grounding.prompts import SYSTEM_PROMPT
from grounding.samples import Detection
from infer.asking.parsed_answers import NO_SCORE
from infer.engines.protocol import RawAnswer, Token
from infer.engines.settings import EngineSettings
from tests.infer.confidence.made_calibrations import calibration_of, weighing_of
from tests.visualize.app.app_engine import BOX, RAW, KnownAnswers, make_asker, write_picture
from visualize.app.asker import Asker, repeated_ious
from visualize.app.model_wordings import choose_wordings
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


@pytest.mark.parametrize(("views", "shown"), [("global+tiles", 5), ("global+objects", 1), (None, 1)])
def test_a_picture_is_shown_with_the_tiles_of_the_training(picture, tmp_path, views, shown):
    keys = {} if views is None else {"views": views, "view_overlap": 0.0}
    categories = number_categories(["red square"])
    card = Card(SYSTEM_PROMPT, {"expression.en1": "?"}, "objects", categories, "none", keys, {})
    save_card(card, tmp_path)
    engine = KnownAnswers(RAW + ", " + RAW.replace("(500,600)", "(499,600)"))
    asked = make_asker(engine, tmp_path).ask_phrase(picture, "red square")
    assert len(engine.pictures) == shown == engine.asked[0][1].count("<image>")
    assert len(asked.detections) == (1 if shown > 1 else 2)
    if shown > 1:
        assert engine.pictures[1].tobytes() == picture.crop((0, 0, 100, 50)).tobytes()


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
    (check,) = asker.check_labels(picture, asked)
    assert (check.label, check.ious) == ("red square", (1.0,))
    assert engine.asked[0][1] != engine.asked[1][1]
    assert "red square" in check.question
    engine.text = RAW.replace("(500,600)", "(300,600)")
    (check,) = asker.check_labels(picture, asked)
    assert check.ious == pytest.approx((0.5,))
    engine.text = "None of them is in the image."
    assert asker.check_labels(picture, asked)[0].ious == (0.0,)


class DoubtingAnswers(KnownAnswers):
    """Answers every question about a box with yes, and writes a box with doubtful tokens."""

    def answer(self, requests):
        answers = super().answer(requests)
        says = (("Yes", math.log(0.6)), ("No", math.log(0.2)))
        return [
            replace(answer, tokens=(Token("Yes", -0.5, alternatives=says),))
            if request.alternatives
            else replace(answer, tokens=(Token(self.text, math.log(0.4)),))
            for request, answer in zip(requests, answers, strict=True)
        ]


def test_boxes_are_scored_by_asking_back(picture):
    engine = DoubtingAnswers()
    settings = EngineSettings(checkpoint="", score="yes_no")
    asker = replace(make_asker(engine), settings=settings)
    asked = asker.ask_everything(picture)
    assert [item.score for item in asked.detections] == [pytest.approx(0.75, abs=0.002)]
    assert (
        engine.asked[1][1] == '<image>Is the white outline the right box for "red square"? Answer yes or no.'
    )
    assert engine.pictures[1].tobytes() == draw_spotlight(picture, Box(*BOX)).tobytes()
    asker.check_labels(picture, asked)
    assert len(engine.asked) == 3


def test_a_label_with_control_words_is_asked_back_without_them(picture):
    engine = KnownAnswers('[{"bbox_2d": [100, 100, 500, 600], "label": "cup <image> <|im_end|>"}]')
    asker = make_asker(engine)
    asker.check_labels(picture, asker.ask_everything(picture))
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
    assert repeated_ious("cup", before, after) == (0.0, 1.0)
    assert repeated_ious("cup", before, [Detection("mug", first)]) == (1.0, 0.0)
    assert repeated_ious("cup", before, []) == (0.0, 0.0)


def test_a_calibration_makes_the_scores(picture):
    engine = KnownAnswers()
    settings = EngineSettings(checkpoint="", score="calibrated")
    calibration = calibration_of(weighing_of(1.0))
    asker = Asker(engine, settings, choose_wordings(None), calibration=calibration)
    assert asker.ask_everything(picture).answered.problems == (NO_SCORE,)  # the engine gives no tokens
    sure = tuple(Token(letter, 0.0) for letter in RAW)
    engine.answer = lambda requests: [RawAnswer(RAW, is_cut=False, tokens=sure) for _ in requests]
    (found,) = asker.ask_everything(picture).detections
    assert found.score == 0.5


def test_several_pictures_are_asked_about_in_one_question(picture):
    small = Image.new("RGB", (50, 60))
    engine = KnownAnswers(f"Image 2: {RAW}")
    asker = make_asker(engine)
    asked = asker.ask_phrase(picture, "red square", [small])
    assert asked.pictures == 2
    assert engine.asked[0][1].startswith("<image><image>")
    assert [image.size for image in engine.pictures] == [picture.size, small.size]
    assert [(item.picture, item.box.xyxy) for item in asked.detections] == [(1, (5, 6, 25, 36))]
    (check,) = asker.check_labels(picture, asked, [small])
    assert check.ious == (1.0,)
    engine.text = f"Image 1: {RAW}"  # the same place of the other picture is no partner
    assert asker.check_labels(picture, asked, [small])[0].ious == (0.0,)


def test_partners_are_in_one_picture():
    here, there = Detection("a", Box(0, 0, 10, 10)), Detection("a", Box(0, 0, 10, 10), picture=1)
    assert repeated_ious("a", [there, here], [here]) == (0.0, 1.0)
    assert repeated_ious("a", [there, here], [here, there]) == (1.0, 1.0)
