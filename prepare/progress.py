"""Progress bars: updated often on a terminal, rarely in a log file."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

SECONDS_ON_TERMINAL = 0.5
SECONDS_IN_LOG = 15.0


def progress_bar(total: int, description: str, unit: str = "image") -> "tqdm[Any]":
    """Return a bar that counts images, or another unit; use it in a `with` block."""
    interval = SECONDS_ON_TERMINAL if sys.stderr.isatty() else SECONDS_IN_LOG
    return tqdm(total=total, desc=description, unit=unit, mininterval=interval, maxinterval=interval)


def watched(items: Sequence[Item], description: str) -> Iterator[Item]:
    """Yield the items, and show in a bar how many are done."""
    with progress_bar(len(items), description) as progress:
        for item in items:
            yield item
            progress.update()
