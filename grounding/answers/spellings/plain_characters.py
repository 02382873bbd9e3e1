"""Texts in plain characters of the same length: full-width forms, thoughts, and strings inside of strings."""

import re
from dataclasses import dataclass

from grounding.answers.spellings.strings import unescape
from grounding.samples import Span

_PLAIN = {0xFF01 + place: 0x21 + place for place in range(94) if chr(0x21 + place) not in "\"'"} | {
    0x3000: " ",
    0x2212: "-",  # minus
    0x2010: "-",
    0x2011: "-",
    0x2013: "-",
    0x3001: ",",
    0x3010: "[",
    0x3011: "]",
}
"""Full-width ASCII, but for its quotes, which labels hold; other minus signs; Chinese commas and brackets."""

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_THOUGHT_END = re.compile(r"</think(?:ing)?>|◁/think▷")
_WRAPPING = re.compile(r"</?answer>", re.IGNORECASE)
_ESCAPED = re.compile(r"(\\+)(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_WHITE = {"n": "\n", "r": " ", "t": " "}


def blank(match: re.Match[str]) -> str:
    """Return blanks of the same length, so that what follows stays in its place."""
    return " " * len(match.group())


def without_wrapping(text: str, *, thinks: bool) -> str | None:
    """Return the text with blanks for its thoughts and answer tags; None if a thought never ends.

    A thought can lack its opening tag, as chat templates write it into the prompt: the last closing tag ends
    it. With `thinks` the text begins inside of a thought, so that without a closing tag all of it is one.
    """
    text = _THOUGHT.sub(blank, text)
    end = max((found.end() for found in _THOUGHT_END.finditer(text)), default=None)
    if end is None and thinks and text.strip():
        return None
    return _WRAPPING.sub(blank, " " * (end or 0) + text[end or 0 :])


@dataclass(frozen=True)
class Piece:
    """An answer, or a string inside of one that is read like an answer.

    `plain` is read, `original` has the labels; both are of the same length. `offset` is the piece's place in
    the answer. `level` is the number of strings around it: so often its labels are escaped.
    """

    plain: str
    original: str
    offset: int = 0
    level: int = 0

    def label(self, start: int, end: int, times: int = 0) -> str:
        """Return a part of the original, unescaped as often as the piece, and `times` more."""
        text = self.original[start:end]
        return unescape(text, self.level + times) if "\\" in text else text

    def inside(self, span: Span) -> "Piece":
        """Return the piece in a string of this one; the span is that in the answer."""
        part = slice(span[0] - self.offset, span[1] - self.offset)
        plain = self.plain[part]
        if "\\" in plain:
            plain = _ESCAPED.sub(_unescape_in_place, plain)
        return Piece(plain, self.original[part], span[0], self.level + 1)


def in_plain_characters(text: str) -> str:
    """Return a text of the same length with plain digits, minus signs, commas and brackets."""
    return text.translate(_PLAIN)


def plain_piece(text: str, original: str) -> Piece:
    """Return an answer in plain characters."""
    return Piece(in_plain_characters(text), original)


def _unescape_in_place(match: re.Match[str]) -> str:
    """Return what an escape means, in plain characters, with blanks before it."""
    slashes, character = len(match[1]), match[2]
    meaning = character
    if slashes % 2:
        meaning = chr(int(character[1:], 16)) if len(character) > 1 else _WHITE.get(character, character)
    return ("\\" * (slashes // 2) + in_plain_characters(meaning)).rjust(len(match.group()))
