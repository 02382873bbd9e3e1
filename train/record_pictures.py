"""How many pictures the records of data files have."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.record.replay_mark import is_replayed
from grounding.yes_no.yes_no_mark import asks_yes_or_no
from train.recipe import SPLITS, TrainRecipe


def most_pictures(recipe: TrainRecipe) -> int:
    """Return the most pictures of a record in a run's data files that are there, 1 if there is none.

    Each can be as large as max_pixels allows. Nothing is read, and 1 returned, where that limits nothing:
    without it, and in rows of several records. Lines that are no records count as nothing, as the check of
    the records says what is wrong with them.
    """
    if not recipe.number("max_pixels") or recipe.get("packing"):
        return 1
    files = {file for split in SPLITS for file in recipe.data_files(split) if file.is_file()}
    return max((1, *(_most_in(file) for file in sorted(files))))


def first_with_several(file: Path) -> tuple[int, int] | None:
    """Return line and number of pictures of the first record with more than one, None without one.

    Records whose answers have no boxes are passed over: replayed words, and yes or no.
    """
    found = (
        (line, _count(row)) for line, row in _rows(file) if not (is_replayed(row) or asks_yes_or_no(row))
    )
    return next(((line, count) for line, count in found if count > 1), None)


def _most_in(file: Path) -> int:
    return max((_count(row) for _, row in _rows(file)), default=1)


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
