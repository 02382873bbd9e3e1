"""Strings in JSON as language models write it: how they end, and what their escapes mean."""

import json
import re

_MARKDOWN = re.compile(r"\\([_*\[\](){}#+.!|<>~`-])")

_ESCAPE_OR_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_QUOTES_IN_JSON = {"\\'": "'", '"': '\\"'}

_END = (
    r"\s{0,40}(?:[}\]):]|\Z|//|/\*"
    r"""|,\s{0,40}(?:["'“”{\[(\]}<]|[-+.\d]|//|/\*|\#|\Z|(?:true|false|null|None|True|False)\b|\w{1,30}\s?:)"""
    r"""|["'“”]?\w{1,30}["'”]?\s{0,5}:)"""
)
"""What follows the closing quote of a string: a bracket, the next item, or the next key."""

_LATER_QUOTES = {
    # Quotes inside of a string, with short texts between them that do not look like another key and value.
    quote: rf"(?:{quote}(?!{_END})[^{quote}\\{{}}\[\]\n]{{0,200}}(?<![,:]\s)(?<![,:])){{1,8}}"
    for quote in "\"'"
}

STRING = (
    # An unterminated string runs to the end of the text, so that no part of the text is scanned twice.
    # An apostrophe between two letters does not end a string in single quotes.
    rf"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*{_LATER_QUOTES['"']}"(?={_END})"""
    r"""|"[^"\\]*(?:\\.[^"\\]*)*(?P<end>"|\\?\Z)"""
    rf"""|(?<!\w)'[^'\\]*(?:(?:\\.|(?<=\w)'(?=\w))[^'\\]*)*{_LATER_QUOTES["'"]}'(?={_END})"""
    r"""|(?<!\w)'[^'\\]*(?:(?:\\.|(?<=\w)'(?=\w))[^'\\]*)*(?P<single_end>'|\\?\Z)"""
    r"""|[“”][^“”\n]{0,500}[“”])"""
)
"""A string in quotes, as a named group. A quote inside of it that closes nothing belongs to it."""


def is_cut_string(match: re.Match[str]) -> bool:
    """Tell whether a match of STRING has no closing quote."""
    return match["end"] in ("", "\\") or match["single_end"] in ("", "\\")


def unescape(inner: str, times: int) -> str:
    """Return the text of a string that was escaped so many times; unknown escapes stay as they are."""
    for _ in range(times):
        if "\\" not in inner:
            break
        inner = _unescape_once(inner)
    return inner


def _unescape_once(inner: str) -> str:
    text = _decode(inner)
    if text is None:
        text = _decode(_MARKDOWN.sub(r"\1", inner)) or inner
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be saved


def _decode(inner: str) -> str | None:
    quoted = _ESCAPE_OR_QUOTE.sub(lambda quote: _QUOTES_IN_JSON.get(quote[0], quote[0]), inner)
    try:
        return str(json.loads(f'"{quoted}"', strict=False))
    except json.JSONDecodeError:
        return None
