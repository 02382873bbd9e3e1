"""The HTML of a conversation: its turns, and the checks of its description."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from grounding.answers.reader import read_answer
from grounding.boxes import Size
from infer.asking.words.found_again import DescribedOnce
from infer.engines.protocol import Exchange
from visualize.app.answers.html_templates import render
from visualize.app.talk.talk_state import Talk
from visualize.app.texts import say

_BOX_END = "<|box_end|>"
_GROUNDING = re.compile(r"<\|box_start\|>.*?(?:<\|box_end\|>|$)|<\|\w*(?:\|>|\|?$)|<$", re.DOTALL)
"""Grounding tokens, with the numbers of a box, and what may become one at the end of a growing text."""


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
    described = described or [
        DescribedOnce(turn.question, turn.answer, talk.check is not None, (), talk.check) for turn in first
    ]
    return render(
        "talk.html",
        say=partial(say, language),
        note=say(language, note) if note else "",
        described=[replace(each, words=_readable(each.words, size)) for each in described],
        turns=[replace(turn, answer=_readable(turn.answer, size)) for turn in later],
        pending=pending and replace(pending, answer=_readable(pending.answer, size)),
    )


def _readable(text: str, size: Size) -> str:
    """Return an answer, whole or not, as a visitor reads it: objects with their boxes in pixels.

    Of an object that is being written, the tokens and the numbers on the grid are left out.
    """
    ended = text.rfind(_BOX_END) + len(_BOX_END) if _BOX_END in text else len(text)
    found = read_answer(text[:ended], size).detections
    rows = [f"{item.label} ({', '.join(f'{value:.0f}' for value in item.box.xyxy)})" for item in found]
    if not rows and not _GROUNDING.search(text):
        return text
    begun = _GROUNDING.sub(" ", text[ended:] if rows else text).split()
    return "; ".join([*rows, " ".join(begun)] if begun else rows)
