"""Click and talk without a page: masks, descriptions that are asked back, and turns."""

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box
from grounding.card import Card
from grounding.categories import number_categories
from grounding.errors import UserError
from grounding.images.region_pictures import draw_spotlight
from grounding.prompts import region_wordings
from infer.engines.protocol import Exchange
from infer.engines.segment.grabcut_segmenter import GrabCutSegmenter
from infer.engines.segment.segmenter import Click, mask_iou
from tests.visualize.app.app_engine import BOX, RAW, SIZE, make_asker, write_picture
from tests.visualize.app.talk.talk_engine import Conversing
from visualize.app.talk.saved_talk import SavedTalks
from visualize.app.talk.talk_state import Talk
from visualize.app.talk.talker import Talker, TalkStep, describing_wordings
from visualize.app.texts import AppError

ON = Click(60, 30)
FIRST = f"<image>{region_wordings('en', states_box=False, names_label=False)[0].template}"


@pytest.fixture
def picture(tmp_path: Path) -> Image.Image:
    return Image.open(write_picture(tmp_path / "picture.png")).convert("RGB")


def talker(engine: Conversing) -> Talker:
    return Talker(make_asker(engine), GrabCutSegmenter())


def described(engine: Conversing, picture: Image.Image) -> list[TalkStep]:
    chosen = talker(engine)
    return list(chosen.describe(chosen.click(Talk("a.png"), picture, ON)[0], picture))


def test_a_click_finds_the_mask_of_what_is_there(picture: Image.Image) -> None:
    talk, mask = talker(Conversing()).click(Talk("a.png"), picture, ON)
    truth = np.zeros((SIZE[1], SIZE[0]), dtype=np.bool_)
    truth[10:60, 20:100] = True
    assert mask_iou(mask, truth) > 0.95
    assert talk.box == Box(*BOX)
    again = talker(Conversing()).mask(talk, picture)
    assert again is not None
    assert (again == mask).all()
    assert talker(Conversing()).mask(talk.undone(), picture) is None


def test_a_click_outside_of_the_picture_is_refused(picture: Image.Image) -> None:
    with pytest.raises(UserError, match="outside of the picture"):
        talker(Conversing()).click(Talk("a.png"), picture, Click(500, 30))


def test_a_region_is_described_in_the_spotlight_and_asked_back_in_the_whole_picture(
    picture: Image.Image,
) -> None:
    engine = Conversing("red square")
    steps = described(engine, picture)
    assert [step.text for step in steps] == ["red", *["red square"] * 4]
    last = steps[-1]
    assert last.talk.exchanges == (Exchange(FIRST, "red square"),)
    assert [each.is_found for each in last.described] == [True]
    shown, whole = engine.seen
    assert (shown == np.asarray(draw_spotlight(picture, Box(*BOX)))).all()
    assert (whole == np.asarray(picture)).all()


def test_of_two_descriptions_the_better_one_is_kept(picture: Image.Image) -> None:
    elsewhere = RAW.replace("(100,100),(500,600)", "(700,700),(900,900)")
    engine = Conversing("a thing", "red square", box=elsewhere)
    last = described(engine, picture)[-1]
    assert len(last.described) == 2
    assert last.talk.description == "a thing"  # neither is found: the first
    engine = Conversing("a thing", "red square")
    engine.box = elsewhere
    chosen = talker(engine)
    for step in chosen.describe(chosen.click(Talk("a.png"), picture, ON)[0], picture):
        if len(step.described) == 2:
            engine.box = RAW
    assert step.talk.description == "red square"
    assert step.talk.exchanges[0].question != FIRST


def test_later_turns_are_about_the_same_picture_with_the_history(picture: Image.Image) -> None:
    engine = Conversing("red square")
    talk = described(engine, picture)[-1].talk
    steps = list(talker(engine).say(talk, picture, " Where  is it? "))
    last = steps[-1]
    assert last.talk.exchanges == (*talk.exchanges, Exchange("Where is it?", RAW))
    assert last.answered is not None
    assert [(item.label, item.box) for item in last.answered.detections] == [("red square", Box(*BOX))]
    assert steps[0].text == f"{RAW.split()[0]} "
    asked = engine.asked[-1]
    assert (asked.user, asked.history) == ("Where is it?", talk.exchanges)
    assert (engine.seen[-1] == engine.seen[0]).all()


@pytest.mark.parametrize(
    ("text", "key"), [(" ", "no_phrase"), ("<image>", "markup"), ("a" * 501, "long_phrase")]
)
def test_what_cannot_be_said_never_reaches_the_model(picture: Image.Image, text: str, key: str) -> None:
    engine = Conversing("red square")
    talk = described(engine, picture)[-1].talk
    before = len(engine.asked)
    with pytest.raises(AppError) as caught:
        list(talker(engine).say(talk, picture, text))
    assert (caught.value.key, len(engine.asked)) == (key, before)


def test_without_a_click_or_a_description_there_is_no_talk(picture: Image.Image) -> None:
    chosen = talker(Conversing())
    clicked, _ = chosen.click(Talk("a.png"), picture, ON)
    for act in (
        lambda: chosen.describe(Talk("a.png"), picture),
        lambda: chosen.say(Talk("a.png"), picture, "Why?"),
        lambda: chosen.say(clicked, picture, "Why?"),
    ):
        with pytest.raises(AppError) as caught:
            list(act())
        assert caught.value.key == "nothing_clicked"


def test_the_room_is_free_again_when_a_visitor_leaves(picture: Image.Image) -> None:
    chosen = talker(Conversing("red square", "red square"))
    talk, _ = chosen.click(Talk("a.png"), picture, ON)
    steps = chosen.describe(talk, picture)
    assert next(steps).text == "red"
    assert not chosen.asker.room.acquire(blocking=False)
    steps.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "a live answer"]
    assert chosen.asker.room.acquire(blocking=False)
    chosen.asker.room.release()


def test_a_conversation_can_be_saved(picture: Image.Image, tmp_path: Path) -> None:
    engine = Conversing("red square")
    talk = described(engine, picture)[-1].talk
    last = list(talker(engine).say(talk, picture, "Where is it?"))[-1]
    path = SavedTalks(tmp_path / "talks", 5).save(last.talk, picture, "Be brief.")
    assert '"phrases": ["red square"]' in path.read_text(encoding="utf-8")


def test_the_trained_questions_are_asked() -> None:
    names = ("task.en1", "describe_box.en1", "describe_label.en2", "describe.zh2")
    card = Card("", dict.fromkeys(names, ""), "objects", number_categories(["cat"]), "none", {}, {})
    assert [wording.name for wording in describing_wordings(card, "en")] == [
        "describe.zh2",
        "describe_label.en2",
    ]
    bare = Card("", {"task.en1": ""}, "objects", number_categories(["cat"]), "none", {}, {})
    for missing in (None, bare):
        assert {wording.language for wording in describing_wordings(missing, "zh")} == {"zh"}
