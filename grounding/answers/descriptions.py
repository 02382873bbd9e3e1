r"""Descriptions behind boxes in grounding tokens: `<|box_end|>: "a black cat, asleep"`.

The text is a JSON string, so that nothing in it can be taken for a label, a box or the end of the text. What
the reader or training would take for markup is written as an escape: `\u003c` for `<`.
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from grounding.answers.spellings.plain_characters import Piece
from grounding.markup import BOX_END
from grounding.samples import Span

DESCRIPTION_MARK = ": "
"""What stands between a box and its description."""

ESCAPED = "<◁＜＼"
"""Characters that are written as escapes: they begin tags and thoughts, or are read as one that does."""

_NUMBER = r"[0-9]{1,4}(?:\.[0-9]{1,6})?"
_POINT = rf"\({_NUMBER},{_NUMBER}\)"
_INSIDE = r'[^"\\]*(?:\\.[^"\\]*)*'
_DESCRIBED = re.compile(
    # Inside of a string, blanks stand in place of the backslashes before quotes.
    rf"{_POINT},{_POINT}(?:{re.escape(BOX_END)})?(?P<note>:[ ]{{1,9}}"
    rf'(?:"(?P<text>{_INSIDE})"(?=\s{{0,9}}(?:,|<\||\n|\Z))|"(?P<cut>{_INSIDE}\\?\Z)))',
    re.DOTALL,
)


class Note(NamedTuple):
    """A description in a piece: its place there with its quotes, which begins where the box ends.

    `text` is None if the description is cut off.
    """

    text: str | None
    span: Span


def quote_description(description: str) -> str:
    """Return a description as it is written, in quotes."""
    quoted = json.dumps(description, ensure_ascii=False)
    for character in ESCAPED:
        quoted = quoted.replace(character, f"\\u{ord(character):04x}")
    return quoted


def find_notes(piece: Piece) -> list[Note]:
    """Return the descriptions behind boxes in grounding tokens, or without the tokens, in their order."""
    found = _DESCRIBED.finditer(piece.plain) if ": " in piece.plain else ()
    return [Note(_text_of(piece, match), match.span("note")) for match in found]


def _text_of(piece: Piece, match: re.Match[str]) -> str | None:
    if match["text"] is None:
        return None
    start, end = match.span("text")
    if piece.level:
        end = start + len(match["text"].rstrip())
    return piece.label(start, end, times=1)


def blank_spans(text: str, spans: Sequence[Span]) -> str:
    """Return a text of the same length with blanks at these places, which are in their order."""
    pieces, place = [], 0
    for start, end in spans:
        pieces += [text[place:start], " " * (end - start)]
        place = end
    return "".join([*pieces, text[place:]])
