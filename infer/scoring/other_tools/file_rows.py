"""The rows of a file: JSON lines, a JSON list, or a JSON object that holds one list."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import LONGEST_LINE, parse_json, read_json, read_jsonl

LIST_KEYS = ("annotations", "predictions", "results", "answers", "data")
"""The keys under which tools put the list of rows into one JSON object."""


def file_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row with its place, such as `FILE, line 3`.

    Raises:
        UserError: neither JSON lines nor JSON with a list of objects.
    """
    if not _is_one_value(path):
        for line, row in read_jsonl(path):
            yield f"{path}, line {line}", row
        return
    for position, row in enumerate(_listed(path), start=1):
        if not isinstance(row, dict):
            raise UserError(f"{path}, entry {position}: not a JSON object")
        yield f"{path}, entry {position}", row


def _is_one_value(path: Path) -> bool:
    """Tell whether a file is one JSON value, over one or many lines, rather than lines of JSON."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = (line for line in iter(lambda: file.readline(LONGEST_LINE + 1), "") if line.strip())
            first, second = next(lines, "").strip(), next(lines, "")
    except (UnicodeDecodeError, OSError):
        return False  # the reader of lines says what is wrong
    if first[:1] != "{":
        return first[:1] == "["
    try:
        row = parse_json(first)
    except ValueError:
        return first == "{" or path.suffix.lower() == ".json"
    return not second and isinstance(row, dict) and any(isinstance(row.get(key), list) for key in LIST_KEYS)


def _listed(path: Path) -> list[Any]:
    content = read_json(path)
    if isinstance(content, list):
        return content
    keys = [key for key in LIST_KEYS if isinstance(content, dict) and isinstance(content.get(key), list)]
    if len(keys) != 1:
        raise UserError(
            f"{path}: one JSON value, and no list of rows in it (or under one of {', '.join(LIST_KEYS)})"
        )
    return list(content[keys[0]])
