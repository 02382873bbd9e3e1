"""JSON as language models write it: in prose, with single quotes or trailing commas, or cut off."""

import json
import re
from typing import Any

NUMBER = r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"

_TOKEN = re.compile(
    # An unterminated string runs to the end of the text, so that no part of the text is scanned twice.
    # An apostrophe between two letters does not end a string in single quotes.
    r"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*(?P<end>"|\\?\Z)"""
    r"""|(?<!\w)'[^'\\]*(?:(?:\\.|(?<=\w)'(?=\w))[^'\\]*)*(?P<single_end>'|\\?\Z))"""
    rf"|(?P<number>{NUMBER})|(?P<mark>[{{}}\[\]:,])|(?P<word>[^\W\d]\w*)",
    re.DOTALL,
)
_OPENING = re.compile(r"(?P<mark>[\[{])")
_CLOSERS = {"[": "]", "{": "}"}

MAX_DEPTH = 100
"""Deeper lists and objects start anew: no answer that means anything has so many levels."""


class _Open:
    """A list or an object whose end was not read yet."""

    def __init__(self, opener: str) -> None:
        self.closer = _CLOSERS[opener]
        self.value: list[Any] | dict[str, Any] = [] if opener == "[" else {}
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
        return isinstance(self.value, list) and not any(isinstance(item, (list, dict)) for item in self.value)


def parse_loose_json(text: str) -> tuple[list[Any], bool]:
    """Return the JSON lists and objects found in a text, and whether the last one was cut off.

    Prose around them is skipped, quotes in it mean nothing. Numbers come back as floats, words without
    quotes as strings. Of what was cut off, everything complete is kept. Never raises; the time is linear in
    the length of the text.
    """
    roots: list[Any] = []
    stack: list[_Open] = []

    def close() -> None:
        value = stack.pop().value
        stack[-1].put(value) if stack else roots.append(value)

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
        if kind == "number":
            stack[-1].put(float(token))
        elif kind == "word":
            stack[-1].put(token)
        elif kind == "string":
            if match["end"] != '"' and match["single_end"] != "'":
                break  # cut off: the rest of the text is in it
            stack[-1].put(_unescape(token))
        elif token in _CLOSERS:
            if len(stack) == MAX_DEPTH:
                close_what_is_open()
            stack.append(_Open(token))
        elif token == ",":
            stack[-1].key = None
        elif token != ":":
            if stack[-1].closer != token and len(stack) > 1 and stack[-2].closer == token:
                close()  # the inner end was forgotten
            close()
    is_cut_off = bool(stack)
    close_what_is_open()
    return roots, is_cut_off


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
