"""Keep large libraries quiet, and out of the user's folders."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' messages; only errors reach the terminal."""
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
    """Give a temporary folder with links to the files of a model folder.

    Paddle's loader writes an index of the weights beside them. The index would be stale when the weights
    change, and a read-only folder cannot hold it.
    """
    with tempfile.TemporaryDirectory() as links:
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".metadata":
                (Path(links) / path.name).symlink_to(path.resolve())
        yield links
