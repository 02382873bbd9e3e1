"""The HTML of a conversation: its turns, its checks, and that nothing in it becomes markup."""

import html
import re

import pytest

from grounding.boxes import Box, Size
from grounding.regions.led_back import LedBack
from infer.asking.words.found_again import CycleCheck, DescribedOnce
from infer.engines.protocol import Exchange
from visualize.app.answers.talk_html import describe_talk
from visualize.app.talk.talk_state import Talk

SIZE = Size(200, 100)
BOXED = "<|object_ref_start|>cup<|object_ref_end|><|box_start|>(100,100),(500,600)<|box_end|>"
BOXES = tuple(Box(0, 0, size, size) for size in (8, 3, 1))
FOUND = CycleCheck("Where?", LedBack(BOXES[:1], BOXES[0], 0.75))
ELSEWHERE = CycleCheck("Where?", LedBack(BOXES, BOXES[0], 0.25))
TURNS = (Exchange("<image>What?", "a cup"), Exchange("Where?", BOXED))


def talk_of(*turns: Exchange, check: CycleCheck | None = None) -> Talk:
    return Talk("a picture", exchanges=turns, check=check)


def text(page: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page).split())


def test_turns_are_shown_with_boxes_in_pixels() -> None:
    assert text(describe_talk(talk_of(*TURNS), SIZE, "en")) == "a cup Where? cup (20, 10, 100, 60)"


def test_the_check_of_a_description_stays_when_the_conversation_goes_on() -> None:
    shown = describe_talk(talk_of(*TURNS, check=FOUND), SIZE, "en")
    assert text(shown) == f"a cup {LED} Where? cup (20, 10, 100, 60)"


LED = "✓ Asked back, these words lead to the object: IoU 0.75."
MISLED = "✗ Asked back, these words do not lead to the object alone: IoU 0.25, other objects: 2."
UNASKED = "✗ It was not asked where that is: there are no words, or they hold marks of boxes."
AGAIN = "Described once more, as the first words did not lead to it"


def test_a_description_is_shown_with_its_check() -> None:
    growing = DescribedOnce("<image>What?", "a c")
    whole = DescribedOnce("<image>What?", "a cup", is_whole=True)
    found = DescribedOnce("", "a cup", True, (), FOUND)
    missed = DescribedOnce("", "a cup", True, (), ELSEWHERE)
    unasked = DescribedOnce("", BOXED, True, (), CycleCheck("", LedBack((), None, 0.0)))
    for described, expected in (
        ((growing,), "a c"),
        ((whole,), "a cup Asking where that is ..."),
        ((found,), f"a cup {LED}"),
        ((unasked,), f"cup (20, 10, 100, 60) {UNASKED}"),
        ((missed, growing), f"a cup {MISLED} {AGAIN} a c"),
        ((missed, found), f"a cup {MISLED} {AGAIN} a cup {LED}"),
    ):
        assert text(describe_talk(talk_of(), SIZE, "en", described=described)) == expected


def test_the_first_turn_is_not_shown_twice() -> None:
    described = (DescribedOnce("<image>What?", "a cup", True, (), FOUND),)
    assert describe_talk(talk_of(TURNS[0]), SIZE, "en", described=described).count("a cup") == 1


def test_a_turn_that_is_written_and_a_note_are_shown() -> None:
    shown = describe_talk(talk_of(TURNS[0]), SIZE, "zh", pending=Exchange("Why?", "Beca"), note="saved")
    assert text(shown) == "对话已保存，可用于训练。 a cup Why? Beca"


def test_an_object_is_read_while_its_tokens_are_written() -> None:
    written = f"{BOXED}<|object_ref_start|>red pen<|object_ref_end|><|box_start|>(1,2),(30,40)<|box_end|>"
    seen = []
    for length in range(len(written) + 1):
        pending = Exchange("Where?", written[:length])
        said = text(describe_talk(talk_of(), SIZE, "en", pending=pending)).removeprefix("Where? ")
        if said not in seen:
            seen.append(said)
    cup = "cup (20, 10, 100, 60)"
    begun = ["r", "re", "red", "red p", "red pe", "red pen"]
    pen = f"{cup}; red pen (0, 0, 6, 4)"
    assert seen == ["…", "c", "cu", "cup", cup, *(f"{cup}; {part}" for part in begun), pen]


@pytest.mark.parametrize("words", ["a cup <3 m tall", "1 < 2", "a | b"])
def test_other_signs_stay_in_a_text(words: str) -> None:
    shown = text(describe_talk(talk_of(Exchange("", words)), SIZE, "en"))
    assert html.unescape(shown) == words


@pytest.mark.parametrize("place", ["question", "answer"])
def test_nothing_in_a_conversation_becomes_markup(place: str) -> None:
    evil = "<img src=x onerror=alert(1)>"
    turn = Exchange(evil, "x") if place == "question" else Exchange("x", evil)
    described = (DescribedOnce("x", evil, True, (), FOUND),)
    for page in (
        describe_talk(talk_of(turn, turn), SIZE, "en"),
        describe_talk(talk_of(), SIZE, "en", described=described),
        describe_talk(talk_of(), SIZE, "en", pending=turn),
    ):
        assert "<img" not in page
        assert "&lt;img" in page
