"""Keeping large libraries quiet, and out of the user's folders."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' messages off the terminal: errors alone get through."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def linked(folder: Path) -> Iterator[str]:
    """Give a folder of links to a model folder's files.

    Paddle's loader leaves a file of its own beside the weights, which would go stale when the weights
    change, and cannot be written into a folder that is read-only.
    """
    with tempfile.TemporaryDirectory() as links:
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".metadata":
                (Path(links) / path.name).symlink_to(path.resolve())
        yield links
