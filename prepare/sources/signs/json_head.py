"""The keys of a JSON file, as far as its first bytes tell."""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ijson  # type: ignore[import-untyped]

from grounding.files import MOST_LEVELS

KEPT_LEVELS = 6
"""Keys further down tell nothing about the kind."""

PIECE = 512
"""Bytes that are parsed at once: the events before an error are lost only in its own piece."""

FEW_ROWS = 8

ITEM = "[]"
"""Stands for the items of a list in a path."""

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class JsonHead:
    """The paths of keys, such as ("images", "[]", "id"); ("[]", "data") in a file that is a list.

    `is_json` tells whether the file begins like JSON.
    """

    paths: frozenset[KeyPath] = frozenset()
    is_json: bool = False

    def has(self, *path: str) -> bool:
        """Tell whether a path is there; "*" stands for any key."""
        if "*" not in path:
            return path in self.paths
        return any(
            len(found) == len(path)
            and all(wanted in ("*", key) for wanted, key in zip(path, found, strict=True))
            for found in self.paths
        )

    def has_any(self, *paths: KeyPath) -> bool:
        """Tell whether one of several paths is there."""
        return any(self.has(*path) for path in paths)


def json_head(head: bytes) -> JsonHead:
    """Return the keys in the first bytes of a file; several values can follow each other (JSON lines)."""
    paths: set[KeyPath] = set()
    stack: list[str] = []
    is_json = False
    for event, value in _events(head):
        if event in ("start_map", "start_array"):
            is_json = True
            stack.append(ITEM if event == "start_array" else "")
            if len(stack) > MOST_LEVELS:
                break
        elif event in ("end_map", "end_array"):
            stack.pop()
        elif event == "map_key":
            stack[-1] = value
        if len(stack) <= KEPT_LEVELS and event == "map_key":
            paths.add(tuple(stack))
    return JsonHead(frozenset(paths), is_json)


def first_rows(head: bytes) -> list[dict[str, Any]]:
    """Return the first objects of JSON lines or of a JSON array that are whole in the first bytes."""
    text = _without_mark(head)
    prefix = "item" if text.lstrip()[:1] == b"[" else ""
    if not json_head(head).is_json or _is_deep(head):
        return []
    rows: list[dict[str, Any]] = []
    try:
        items = ijson.items(
            io.BytesIO(text), prefix, use_float=True, buf_size=PIECE, multiple_values=not prefix
        )
        for item in items:
            if isinstance(item, dict):
                rows.append(item)
            if len(rows) >= FEW_ROWS:
                break
    except (ijson.JSONError, ValueError):
        pass  # the head ends inside an item
    return rows


def _is_deep(head: bytes) -> bool:
    level = 0
    for event, _ in _events(head):
        level += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
        if level > MOST_LEVELS:
            return True
    return False


def _events(head: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the events of a parser until the bytes end or are no JSON."""
    text = io.BytesIO(_without_mark(head))
    try:
        yield from ijson.basic_parse(text, buf_size=PIECE, multiple_values=True, use_float=True)
    except (ijson.JSONError, ValueError):
        return


def _without_mark(head: bytes) -> bytes:
    return head.removeprefix(codecs.BOM_UTF8)
