"""How many pictures the records of data files have."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.record.replay_mark import is_replayed
from grounding.yes_no.yes_no_mark import asks_yes_or_no


def first_with_several(file: Path) -> tuple[int, int] | None:
    """Return line and number of pictures of the first record with more than one, None without one.

    Records whose answers have no boxes are passed over: replayed words, and yes or no.
    """
    found = (
        (line, _count(row)) for line, row in _rows(file) if not (is_replayed(row) or asks_yes_or_no(row))
    )
    return next(((line, count) for line, count in found if count > 1), None)


def most_in(file: Path) -> int:
    """Return the most pictures of a record, 1 if none has any.

    Lines that are no records count as nothing: the check of the records says what is wrong with them.
    """
    return max((1, *(_count(row) for _, row in _rows(file))))


def _count(row: Mapping[str, Any]) -> int:
    images = row.get("images")
    return len(images) if isinstance(images, list) else 0


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line and row of each record, up to the first line that cannot be read."""
    try:
        yield from tqdm(
            read_jsonl(file), desc=f"pictures of {file.name}", unit="record", delay=2, disable=None
        )
    except UserError:
        return
