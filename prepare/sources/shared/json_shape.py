"""Refuses JSON files that no annotation tool writes, before a parser reads them.

The parser takes time and memory that grow with the square of a text's length, and of the number of levels.
"""

import mmap
import re
from typing import IO

from grounding.files import MOST_LEVELS, DeepJsonError

CHUNK = 1 << 20
"""Bytes that are looked at at once."""

LONGEST_TEXT = 1 << 24
"""Bytes of a text in a JSON file, enough for a picture in base64. The parser takes half a second for it."""

_ALL_BRACKETS_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF_PAIR = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]", re.DOTALL
)


def check_shape(file: IO[bytes]) -> None:
    """Look through an open JSON file from where it stands.

    Raises:
        ValueError: a text longer than `LONGEST_TEXT`, more levels than `MOST_LEVELS`, or half of a surrogate
            pair.
    """
    carried, is_text, length, level = b"", False, 0, 0
    while chunk := file.read(CHUNK):
        data = carried + chunk
        whole = data.rstrip(b"\\")  # what a backslash at the end stands for is in the next chunk
        carried, data = data[len(whole) :], whole.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        parts = data.split(b'"')
        length = length + len(parts[0]) if is_text else 0
        if length > LONGEST_TEXT or len(carried) > LONGEST_TEXT:
            raise ValueError(f"a text of more than {LONGEST_TEXT:,} bytes")
        level = _level_after(b"".join(parts[is_text::2]), level)
        if len(parts) > 1:
            length = len(parts[-1])
            is_text = is_text == bool(len(parts) % 2)
    _check_surrogates(file)


def _level_after(text: bytes, level: int) -> int:
    """Return the level after a piece of JSON without its texts, which begins on a level.

    Within a piece, up to twice `MOST_LEVELS` can pass.

    Raises:
        DeepJsonError: more levels.
    """
    brackets = text.translate(_ALL_BRACKETS_SQUARE, _NOT_BRACKETS)
    for _ in range(MOST_LEVELS):
        if b"[]" not in brackets:
            break
        brackets = brackets.replace(b"[]", b"")
    level += brackets.count(b"[") - brackets.count(b"]")
    if b"[]" in brackets or level > MOST_LEVELS:
        raise DeepJsonError
    return level


def _check_surrogates(file: IO[bytes]) -> None:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if _SURROGATE.search(content) and (found := _HALF_PAIR.search(content)):
            raise ValueError(f"half of a surrogate pair, {found[0][:6].decode(errors='replace')}")
