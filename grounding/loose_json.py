"""JSON as language models write it: in prose, with single quotes or trailing commas, or cut off."""

import json
import re
from collections.abc import Iterator
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
_OPENING = re.compile(r"[\[{]")
_CLOSERS = {"[": "]", "{": "}"}


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

    Numbers come back as floats, words without quotes as strings. Of what was cut off, everything complete
    is kept. Never raises; the time is linear in the length of the text.
    """
    roots: list[Any] = []
    stack: list[_Open] = []

    def close() -> None:
        value = stack.pop().value
        stack[-1].put(value) if stack else roots.append(value)

    for kind, token in _tokens(text, stack):
        if kind == "cut":
            break
        if token in _CLOSERS and kind == "mark":
            stack.append(_Open(token))
        elif kind != "mark":
            stack[-1].put(float(token) if kind == "number" else token)
        elif token == "," and stack[-1].closer == "}":
            stack[-1].key = None
        elif token in "]}":
            if stack[-1].closer != token and len(stack) > 1 and stack[-2].closer == token:
                close()  # the inner end was forgotten
            close()
    is_cut_off = bool(stack)
    while stack:
        if stack[-1].is_cut_off_list:
            stack.pop()
        else:
            close()
    return roots, is_cut_off


def _tokens(text: str, stack: list[_Open]) -> Iterator[tuple[str, str]]:
    """Yield the tokens inside lists and objects; prose outside is skipped, quotes in it mean nothing."""
    position = 0
    while True:
        if not stack:
            opening = _OPENING.search(text, position)
            if opening is None:
                return
            yield "mark", opening.group()
            position = opening.end()
            continue
        match = _TOKEN.search(text, position)
        if match is None:
            return
        position = match.end()
        kind = match.lastgroup or ""
        if match["string"] is None:
            yield kind, match.group()
        elif match["end"] == '"' or match["single_end"] == "'":
            yield "string", _unescape(match.group())
        else:
            yield "cut", ""


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
