"""Large JSON files read item by item, in the memory of one item."""

import codecs
import json
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import ijson  # type: ignore[import-untyped]

from grounding.errors import UserError
from grounding.files import find_encoding_problem, is_regular
from prepare.sources.shared.file_patterns import first_line
from prepare.sources.shared.json_shape import check_shape

CHUNK = 1 << 16
"""Bytes that are parsed at once; their items are all in memory."""
SPACE = b" \t\r\n"
NOT_IN_JSON = (b"NaN", b"Infinity")
"""Numbers that Python's json writes and reads, but that are not JSON: ijson refuses them."""


def stream_lists(path: Path, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield (key, item) for every item of the named lists of a JSON object, key by key.

    Keys that are missing, or that hold no list, yield nothing. The file is read once per key. A file with NaN
    or Infinity is read as a whole, so it needs the memory of all its items.

    Raises:
        UserError: no such file, or not a JSON object.
    """
    with _checked(path, b"{") as (file, start):
        if _has_special_numbers(file):
            yield from _read_whole(file, start, keys)
            return
        for key in keys:
            file.seek(start)
            for item in ijson.items(file, f"{key}.item", use_float=True, buf_size=CHUNK):
                yield key, item


def stream_array(path: Path) -> Iterator[Any]:
    """Yield every item of a JSON array. A file with NaN or Infinity is read as a whole.

    Raises:
        UserError: no such file, or not a JSON array.
    """
    with _checked(path, b"[") as (file, start):
        has_special_numbers = _has_special_numbers(file)
        file.seek(start)
        if has_special_numbers:
            yield from json.load(file)
        else:
            yield from ijson.items(file, "item", use_float=True, buf_size=CHUNK)


@contextmanager
def _checked(path: Path, first: bytes) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file whose text begins with `first`, and return it with the place of that beginning.

    Raises:
        UserError: no such file, or one that cannot be read as JSON, within the block too.
    """
    try:
        if path.exists() and not is_regular(path):
            raise UserError(f"{path}: not a regular file")
        with path.open("rb") as file:
            start = _find_start(file, first)
            file.seek(start)
            check_shape(file)
            yield file, start
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except OSError as error:
        raise UserError(f"{path}: not readable as JSON: {first_line(error)}") from error
    except (ValueError, ijson.JSONError) as error:
        problem = find_encoding_problem(path) or f"not readable as JSON: {first_line(error)}"
        raise UserError(f"{path}: {problem}") from error


def _find_start(file: IO[bytes], opening: bytes = b"{") -> int:
    """Return where the text begins: a byte order mark is skipped.

    Raises:
        ValueError: it does not begin with this bracket.
    """
    head = file.read(CHUNK)
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    text = head[start:].lstrip(SPACE)
    if not text.startswith(opening):
        raise ValueError(
            f"{opening.decode()!r} expected, {text[:1].decode(errors='replace') or 'the end'!r} found"
        )
    return start


def _has_special_numbers(file: IO[bytes]) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(word) >= 0 for word in NOT_IN_JSON)


def _read_whole(file: IO[bytes], start: int, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    file.seek(start)
    content = json.load(file)
    for key in keys:
        items = content.get(key)
        for item in items if isinstance(items, list) else ():
            yield key, item
