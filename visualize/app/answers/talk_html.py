"""The HTML of a conversation: its turns, and the checks of its description."""

from collections.abc import Sequence
from functools import partial

from grounding.answers.reader import read_answer
from grounding.boxes import Size
from grounding.markup import IMAGE_PLACEHOLDER
from infer.asking.words.found_again import DescribedOnce
from infer.engines.protocol import Exchange
from visualize.app.answers.html_templates import render
from visualize.app.texts import say


def describe_talk(
    exchanges: Sequence[Exchange],
    size: Size,
    language: str,
    *,
    described: Sequence[DescribedOnce] = (),
    pending: Exchange | None = None,
    note: str = "",
) -> str:
    """Return as HTML the turns of a conversation about a picture of this size.

    `described` are the descriptions that are being written or were just checked: the first turn is shown
    among them, and not again. `pending` is a turn whose answer is being written. `note` is a key of TEXTS.
    """
    turns = exchanges[1:] if described else exchanges
    return render(
        "talk.html",
        say=partial(say, language),
        note=say(language, note) if note else "",
        turns=[_shown(turn, size) for turn in turns],
        described=described,
        pending=None if pending is None else Exchange(pending.question, pending.answer),
    )


def _shown(turn: Exchange, size: Size) -> Exchange:
    """Return a turn as a visitor reads it: objects with their boxes in pixels."""
    found = read_answer(turn.answer, size).detections
    rows = (f"{item.label} ({', '.join(f'{value:.0f}' for value in item.box.xyxy)})" for item in found)
    return Exchange(turn.question.replace(IMAGE_PLACEHOLDER, ""), "; ".join(rows) if found else turn.answer)
