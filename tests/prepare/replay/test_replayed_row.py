"""Which answers become records, in which form, and why others do not."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.answers.forms import EMPTY_ANSWER, LOOPED
from grounding.record.conversation import asks_for_boxes, parse_record
from grounding.record.flaws import OUT_OF_GRID
from grounding.remote.completion_body import REFUSAL
from prepare.replay import replayed_row as reasons
from prepare.replay.prompts_read import ReplayPrompt
from prepare.replay.replayed_row import Unusable, replayed_row
from prepare.servers.answer_log import LoggedAnswer
from tests.prepare.replay.conftest import ANSWERS, BOXES


def said(text: str, *, is_cut: bool = False, problem: str | None = None) -> LoggedAnswer:
    return LoggedAnswer(text, is_cut, problem, 9, "2026-01-01T00:00:00+00:00", "base")


def prompt(*questions: str, image: str | None = None, about_boxes: bool = False) -> ReplayPrompt:
    return ReplayPrompt("", questions, None if image is None else Path(image), about_boxes, "here")


def test_words_are_marked_and_need_no_image() -> None:
    row = replayed_row(prompt("Hi?", "Why?"), [said(" Hello. "), said("So.")], None)
    assert row == {
        "messages": [
            {"role": "user", "content": "Hi?"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "So."},
        ],
        "images": [],
        "replay": True,
    }
    record = parse_record(row)
    assert record.is_replay
    assert not record.names_objects
    assert not asks_for_boxes(row)


@pytest.mark.parametrize("text", [BOXES, f"A cat: {BOXES}, and {BOXES.replace('10', '11')}"])
def test_grounding_tokens_become_objects_and_read_back(text: str) -> None:
    row = replayed_row(prompt("<image>Where?", image="a.png"), [said(text)], "images/a.png")
    assert isinstance(row, dict)
    assert asks_for_boxes(row)
    assert row["objects"]["ref"][0] == "cat"
    assert parse_record(row).answers == (text,)


def test_json_boxes_stay_text_and_a_data_set_says_what_it_asks() -> None:
    boxes = replayed_row(prompt("<image>Where?", image="a"), [said(ANSWERS["json"].text)], "images/a.png")
    assert isinstance(boxes, dict)
    assert asks_for_boxes(boxes)
    nothing = [said("There is none.")]
    for about_boxes in (True, False):
        asked = prompt("<image>Where?", image="a", about_boxes=about_boxes)
        row = replayed_row(asked, nothing, "images/a.png")
        assert asks_for_boxes(row) == about_boxes


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said("", problem=REFUSAL), REFUSAL),
        (said("It goes on and", is_cut=True), reasons.CUT),
        (said(" \n"), EMPTY_ANSWER),
        (said(ANSWERS["loop"].text), LOOPED),
        (said(ANSWERS["turn"].text), reasons.SPECIAL_TOKENS),
        (said(ANSWERS["picture"].text), reasons.SPECIAL_TOKENS),
        (said(ANSWERS["thought"].text), reasons.THOUGHT),
        (said(BOXES.replace("(10,20)", "(10;20)")), reasons.SPECIAL_TOKENS),
        (said(BOXES.replace("400", "4000")), reasons.FLAWED.format(kind=OUT_OF_GRID)),
        (said(ANSWERS["outside"].text), reasons.FLAWED.format(kind=OUT_OF_GRID)),
    ],
)
def test_bad_answers_are_dropped_for_their_reason(answer: LoggedAnswer, reason: str) -> None:
    good = said("Good.")
    assert replayed_row(prompt("<image>What?", image="a"), [answer], "images/a.png") == Unusable(reason)
    two = prompt("<image>What?", "And?", image="a")
    assert replayed_row(two, [good, answer], "images/a.png") == Unusable(reason)


def test_boxes_about_no_image_are_not_what_a_model_shall_keep() -> None:
    assert replayed_row(prompt("Hi?"), [said(BOXES)], None) == Unusable(reasons.BOXES_WITHOUT_IMAGE)


@given(st.text(max_size=60))
@settings(max_examples=40)
def test_any_text_is_kept_as_it_is_or_dropped(text: str) -> None:
    row = replayed_row(prompt("What?"), [said(text)], None)
    if isinstance(row, dict):
        assert parse_record(row).answers == (text.strip(),)
