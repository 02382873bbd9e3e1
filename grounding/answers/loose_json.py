"""JSON as language models write it: in prose, with single quotes or trailing commas, or cut off."""

import json
import re
from typing import Any

from grounding.samples import Span

NUMBER = r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"

MAX_DEPTH = 20
"""Deeper lists and objects start a new root: no meaningful answer has so many levels."""

_BOX = rf"(?P<box>\[\s*{NUMBER}(?:\s*,\s*{NUMBER}){{3}}\s*\])"
"""Four numbers in brackets are one token, for speed: long answers consist of them."""

_ABYSS = rf"(?P<abyss>[\[{{](?:\s*[\[{{]){{{MAX_DEPTH},}})"
"""More openings in a row than there can be levels are one token: a model can repeat one without end."""

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
    """A string or word, and its span in the text without the quotes."""

    __slots__ = ("span",)
    span: Span


class LooseList(list[Any]):
    """A list, and its span in the text with the brackets."""

    __slots__ = ("span",)
    span: Span


class _Open:
    """A list or an object whose end has not been read yet."""

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
        """Whether this is a list of numbers or words: its last item may be only a part of one."""
        return isinstance(self.value, list) and not {LooseList, dict} & set(map(type, self.value))


class _Values:
    """The complete values at the top level (`roots`), and what is still open, outermost first."""

    def __init__(self) -> None:
        self.roots: list[Any] = []
        self.stack: list[_Open] = []

    def put(self, value: Any) -> None:
        self.stack[-1].put(value) if self.stack else self.roots.append(value)

    def open(self, opener: str, start: int) -> None:
        self.stack.append(_Open(opener, start))

    def close(self, end: int) -> None:
        closed = self.stack.pop()
        if isinstance(closed.value, LooseList):
            closed.value.span = (closed.start, end)
        self.put(closed.value)

    def close_all(self, end: int) -> None:
        """Close everything; lists whose last item may be cut off are dropped."""
        while self.stack:
            if self.stack[-1].is_cut_off_list:
                self.stack.pop()
            else:
                self.close(end)


def parse_loose_json(text: str) -> tuple[list[Any], bool]:
    """Return the JSON lists and objects in a text, and whether the last one was cut off.

    Prose around them is skipped, and quotes in it mean nothing. Numbers become floats, words without quotes
    strings; strings are `LooseText`, lists `LooseList`. If the end is cut off, everything complete is kept.
    Never raises; the time is linear in the length of the text.
    """
    values = _Values()
    position = 0
    while match := (_TOKEN if values.stack else _OPENING).search(text, position):
        position = match.end()
        if match.lastgroup == "string" and match["end"] != '"' and match["single_end"] != "'":
            break  # the string is cut off: the rest of the text is in it
        _take(match, values)
    is_cut_off = bool(values.stack)
    values.close_all(position)
    return values.roots, is_cut_off


def _take(match: re.Match[str], values: _Values) -> None:
    """Add one token to the values."""
    kind, token, end = match.lastgroup, match.group(), match.end()
    if kind == "box":
        box = LooseList(map(float, token[1:-1].split(",")))
        box.span = match.span()
        values.put(box)
    elif kind == "number":
        values.put(float(token))
    elif kind == "word":
        values.put(located(token, match.span()))
    elif kind == "string":
        values.put(located(_unescape(token), (match.start() + 1, end - 1)))
    elif kind == "abyss" or token in _CLOSERS:
        if kind == "abyss" or len(values.stack) == MAX_DEPTH:
            values.close_all(end)
        values.open(token[-1], end - 1)
    elif token == ",":
        values.stack[-1].key = None
    else:
        if values.stack[-1].closer != token and len(values.stack) > 1 and values.stack[-2].closer == token:
            values.close(end)  # the closing of the inner one was forgotten
        values.close(end)


def located(value: str, span: Span) -> LooseText:
    """Return a string with its span."""
    text = LooseText(value)
    text.span = span
    return text


def _unescape(quoted: str) -> str:
    """Return the text of a quoted string; a string with escapes that JSON does not know stays as it is."""
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
