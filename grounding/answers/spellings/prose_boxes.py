"""Boxes in text: grounding tokens, with or without them, and numbers in the tags of other models."""

import re

from grounding.answers.forms import LABEL_ONLY, NOT_FOUR_NUMBERS, POINT, TRUNCATED
from grounding.answers.nothing_found import SEPARATORS
from grounding.answers.spellings.list_marks import list_mark_length
from grounding.answers.spellings.loose_json import SHARE, located, read_floats
from grounding.answers.spellings.plain_characters import Piece, blank
from grounding.answers.spellings.written_boxes import Found, written_box
from grounding.markup import BOX_END, BOX_START, REF_END, REF_START
from grounding.samples import Span

_OPEN = rf"(?:{re.escape(BOX_START)}|<\|det\|>|<\|begin_of_box\|>|<b?box>)"
_CLOSE = rf"(?:{re.escape(BOX_END)}|<\|/det\|>|<\|end_of_box\|>|</b?box>)"
_POINT = rf"\(\s*{SHARE}\s*,\s*{SHARE}\s*\)"
_CORNER = rf"[\[(]\s*{SHARE}\s*,\s*{SHARE}\s*[\])]"
_FOUR = rf"{SHARE}(?:\s*,\s*{SHARE}){{3}}"

TWO_POINTS = re.compile(rf"(?:{_OPEN}\s*)?{_POINT}\s*,\s*{_POINT}(?:\s*{_CLOSE})?")
BOX_TAG = re.compile(_OPEN)
_BOX_TAG_END = re.compile(_CLOSE)
_BOX = re.compile(
    rf"(?:{_OPEN}\s*)?(?:{_POINT}\s*,\s*{_POINT}|\[\s*{_FOUR}\s*\])(?:\s*{_CLOSE})?"
    rf"|{_OPEN}\s*\[?\s*(?:{_CORNER}\s*,\s*{_CORNER}|[\[(]\s*{_FOUR}\s*[\])]|{_FOUR}|{SHARE}(?:\s+{SHARE}){{3}})"
    rf"(?:\s*\]?\s*{_CLOSE})?"
)
_HALF_BOX = re.compile(
    rf"(?:{_OPEN}\s*)?\(\s*[-+0-9.][-+0-9.,eE%\s]{{0,80}}"
    r"(?:\)\s{0,9}[,(]\s{0,9}\(?[-+0-9.,eE%\s]{0,80})?\Z"
)
_ONE_POINT = re.compile(rf"[\[(]\s*{SHARE}\s*,\s*{SHARE}\s*[\])]")

REFS = ((REF_START, REF_END), ("<|ref|>", "<|/ref|>"), ("<ref>", "</ref>"), ("<p>", "</p>"))
_NO_TEXT = re.compile(r"<\|[a-z_/]{1,40}\|>|</?(?:ref|b?box|p)>|```\w{0,12}")
_LABEL_ENDS = " \t\r\n:：`"


def read_points(piece: Piece) -> list[Found]:
    """Read `name(x1,y1),(x2,y2)`, with or without tokens or tags around name and box.

    Several boxes can stand under one name.
    """
    found: list[Found] = []
    label, end = located("", (0, 0)), 0
    for match in _BOX.finditer(piece.plain):
        name, (start, stop) = _label_in(piece, (end, match.start()))
        if name:
            label = located(name, (piece.offset + start, piece.offset + stop))
        span = piece.offset + match.start(), piece.offset + match.end()
        found.append(written_box(label, read_floats(piece, *match.span()), span))
        end = match.end()
    if (problem := _problem_of_rest(piece, end)) is not None:
        found.append(problem)
    return found


def _problem_of_rest(piece: Piece, start: int) -> str | None:
    """Return what is wrong with the text after the last box."""
    rest = piece.plain[start:]
    tag = BOX_TAG.search(rest)
    if tag is not None and _BOX_TAG_END.search(rest, tag.end()):
        return POINT if _ONE_POINT.search(rest, tag.end()) else NOT_FOUR_NUMBERS
    if tag is not None or _HALF_BOX.search(rest):
        return TRUNCATED
    if _ONE_POINT.search(rest):
        return POINT
    name, _ = _label_in(piece, (start, len(piece.plain)))
    return LABEL_ONLY if name or any(opening in rest for opening, _ in REFS) else None


def has_named_boxes(text: str) -> bool:
    """Tell whether a text has names in tags, and boxes."""
    return any(opening in text for opening, _ in REFS) and _BOX.search(text) is not None


def is_half_box(text: str) -> bool:
    """Tell whether a text ends within a box."""
    return _HALF_BOX.search(text) is not None


def has_point(text: str) -> bool:
    """Tell whether a text has two numbers in brackets."""
    return _ONE_POINT.search(text) is not None


def _label_in(piece: Piece, gap: Span) -> tuple[str, Span]:
    """Return the label in the text between two boxes, "" if there are only separators, and its span."""
    text = piece.plain[slice(*gap)]
    for opening, closing in REFS:
        before, started, inside = text.rpartition(opening)
        if started:
            inside = inside.partition(closing)[0]
            start = gap[0] + len(before) + len(started) + len(inside) - len(inside.lstrip())
            return _text_of(piece, (start, start + len(inside.strip())))
    if "<" in text or "`" in text:
        text = _NO_TEXT.sub(blank, text)
    last_line = text.rstrip(_LABEL_ENDS).rfind("\n") + 1
    gap, text = (gap[0] + last_line, gap[1]), text[last_line:]
    name = text.lstrip(SEPARATORS)
    name = name[list_mark_length(name) :].lstrip(SEPARATORS)
    start = gap[0] + len(text) - len(name)
    return _text_of(piece, (start, max(start, gap[0] + len(text.rstrip(_LABEL_ENDS)))))


def _text_of(piece: Piece, span: Span) -> tuple[str, Span]:
    return piece.label(*span), span
