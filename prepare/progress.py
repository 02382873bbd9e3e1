"""Progress bars: updated often on a terminal, rarely in a log file."""

import sys
from typing import Any

from tqdm import tqdm

SECONDS_ON_TERMINAL = 0.5
SECONDS_IN_LOG = 15.0


def progress_bar(total: int, description: str) -> "tqdm[Any]":
    """Return a bar that counts images; use it in a `with` block."""
    interval = SECONDS_ON_TERMINAL if sys.stderr.isatty() else SECONDS_IN_LOG
    return tqdm(total=total, desc=description, unit="image", mininterval=interval, maxinterval=interval)
