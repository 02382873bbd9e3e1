"""JSON as language models write it: in prose, with single quotes or trailing commas, or cut off."""

import json
import re
from typing import Any

from grounding.samples import Span

NUMBER = r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"

MAX_DEPTH = 20
"""Deeper lists and objects start anew: no answer that means anything has so many levels."""

_BOX = rf"(?P<box>\[\s*{NUMBER}(?:\s*,\s*{NUMBER}){{3}}\s*\])"
"""Four numbers in brackets, of which long answers are made, are one token."""

_ABYSS = rf"(?P<abyss>[\[{{](?:\s*[\[{{]){{{MAX_DEPTH},}})"
"""More openings in a row than there can be levels, as of a model that repeats one for ever: one token."""

_TOKEN = re.compile(
    # An unterminated string runs to the end of the text, so that no part of the text is scanned twice.
    # An apostrophe between two letters does not end a string in single quotes.
    r"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*(?P<end>"|\\?\Z)"""
    r"""|(?<!\w)'[^'\\]*(?:(?:\\.|(?<=\w)'(?=\w))[^'\\]*)*(?P<single_end>'|\\?\Z))"""
    rf"|{_BOX}|(?P<number>{NUMBER})|{_ABYSS}|(?P<mark>[{{}}\[\],])|(?P<word>[^\W\d]\w*)",
    re.DOTALL,
)
_OPENING = re.compile(rf"{_BOX}|{_ABYSS}|(?P<mark>[\[{{])")
_CLOSERS = {"[": "]", "{": "}"}


class LooseText(str):
    """A string or word, and where in the text its characters stand, quotes left out."""

    __slots__ = ("span",)
    span: Span


class LooseList(list[Any]):
    """A list, and where in the text it stands, brackets included."""

    __slots__ = ("span",)
    span: Span


class _Open:
    """A list or an object whose end was not read yet."""

    __slots__ = ("closer", "key", "start", "value")

    def __init__(self, opener: str, start: int) -> None:
        self.closer = _CLOSERS[opener]
        self.start = start
        self.value: LooseList | dict[str, Any] = LooseList() if opener == "[" else {}
        self.key: str | None = None

    def put(self, value: Any) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is None:
            self.key = value if isinstance(value, str) else ""
        else:
            self.value[self.key] = value
            self.key = None

    @property
    def is_cut_off_list(self) -> bool:
        """Whether this is a list of numbers or words: of such a list, the end may be the half of it."""
        return isinstance(self.value, list) and not {LooseList, dict} & set(map(type, self.value))


def parse_loose_json(text: str) -> tuple[list[Any], bool]:
    """Return the JSON lists and objects found in a text, and whether the last one was cut off.

    Prose around them is skipped, quotes in it mean nothing. Numbers come back as floats, words without
    quotes as strings; strings are `LooseText`, lists `LooseList`. Of what was cut off, everything complete
    is kept. Never raises; the time is linear in the length of the text.
    """
    roots: list[Any] = []
    stack: list[_Open] = []

    def close() -> None:
        closed = stack.pop()
        if isinstance(closed.value, LooseList):
            closed.value.span = (closed.start, position)
        stack[-1].put(closed.value) if stack else roots.append(closed.value)

    def close_what_is_open() -> None:
        while stack:
            if stack[-1].is_cut_off_list:
                stack.pop()
            else:
                close()

    position = 0
    while match := (_TOKEN if stack else _OPENING).search(text, position):
        position = match.end()
        kind, token = match.lastgroup, match.group()
        if kind == "box":
            box = LooseList(map(float, token[1:-1].split(",")))
            box.span = match.span()
            stack[-1].put(box) if stack else roots.append(box)
        elif kind == "number":
            stack[-1].put(float(token))
        elif kind == "word":
            stack[-1].put(located(token, match.span()))
        elif kind == "string":
            if match["end"] != '"' and match["single_end"] != "'":
                break  # cut off: the rest of the text is in it
            stack[-1].put(located(_unescape(token), (match.start() + 1, match.end() - 1)))
        elif kind == "abyss" or token in _CLOSERS:
            if kind == "abyss" or len(stack) == MAX_DEPTH:
                close_what_is_open()
            stack.append(_Open(token[-1], position - 1))
        elif token == ",":
            stack[-1].key = None
        else:
            if stack[-1].closer != token and len(stack) > 1 and stack[-2].closer == token:
                close()  # the inner end was forgotten
            close()
    is_cut_off = bool(stack)
    close_what_is_open()
    return roots, is_cut_off


def located(value: str, span: Span) -> LooseText:
    """Return a string that knows its place."""
    text = LooseText(value)
    text.span = span
    return text


def _unescape(quoted: str) -> str:
    """Return the text of a string in quotes; escapes that JSON does not know are left as they are."""
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    try:
        text = str(
            json.loads(
                '"' + inner.replace("\\'", "'").replace('"', '\\"').replace('\\\\"', '\\"') + '"',
                strict=False,
            )
        )
    except json.JSONDecodeError:
        return inner
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be saved
