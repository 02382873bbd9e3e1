"""The HTML of a conversation: its turns, and the checks of its description."""

from collections.abc import Sequence
from functools import partial

from grounding.answers.reader import read_answer
from grounding.boxes import Size
from infer.asking.words.found_again import DescribedOnce
from infer.engines.protocol import Exchange
from visualize.app.answers.html_templates import render
from visualize.app.talk.talk_state import Talk
from visualize.app.texts import say


def describe_talk(
    talk: Talk,
    size: Size,
    language: str,
    *,
    described: Sequence[DescribedOnce] = (),
    pending: Exchange | None = None,
    note: str = "",
) -> str:
    """Return as HTML the turns of a conversation about a picture of this size.

    `described` are the descriptions that are being written or were just checked: they stand for the first
    turn. Without them, it has the check that the conversation remembers. `pending` is a turn whose answer is
    being written. `note` is a key of TEXTS.
    """
    first, later = talk.exchanges[:1], talk.exchanges[1:]
    return render(
        "talk.html",
        say=partial(say, language),
        note=say(language, note) if note else "",
        described=described
        or [
            DescribedOnce(turn.question, turn.answer, talk.check is not None, (), talk.check)
            for turn in first
        ],
        turns=[_shown(turn, size) for turn in later],
        pending=pending,
    )


def _shown(turn: Exchange, size: Size) -> Exchange:
    """Return a turn as a visitor reads it: objects with their boxes in pixels."""
    found = read_answer(turn.answer, size).detections
    rows = (f"{item.label} ({', '.join(f'{value:.0f}' for value in item.box.xyxy)})" for item in found)
    return Exchange(turn.question, "; ".join(rows) if found else turn.answer)
