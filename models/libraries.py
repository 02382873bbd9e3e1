"""Keep large libraries quiet, out of the user's folders, and from running code of a model's folder."""

import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from grounding.errors import UserError

FLEET_PACKAGES = ("paddlefleet", "paddlefleet_ops")
"""The package of GPU layers that PaddleFormers imports where it is installed, and its kernels."""


_silence = threading.Lock(), ExitStack(), [0]
"""What restores the messages, and how many blocks are quiet: the switches hold for all threads."""


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' messages, in all threads; only errors reach the terminal."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    lock, restored, blocks = _silence
    with lock:
        if not blocks[0]:
            restored.enter_context(_silenced())
        blocks[0] += 1
    try:
        yield
    finally:
        with lock:
            blocks[0] -= 1
            if not blocks[0]:
                restored.close()


@contextmanager
def _silenced() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def hide_paddlefleet() -> None:
    """Keep paddlefleet from being imported in this process, even where it is installed.

    PaddleFormers imports it wherever it can be found, builds another model with it, and its kernels ask for a
    GPU when they are imported. A process that has imported it already keeps it: it trains with it.
    """
    if sys.modules.get(FLEET_PACKAGES[0]) is None:
        for name in FLEET_PACKAGES:
            sys.modules[name] = None  # type: ignore[assignment]


@contextmanager
def linked(folder: Path) -> Iterator[str]:
    """Give a temporary folder with links to the files of a model folder.

    Paddle's loader writes an index of the weights beside them. The index would be stale when the weights
    change, and a read-only folder cannot hold it.
    """
    with tempfile.TemporaryDirectory() as links:
        for path in folder.iterdir():
            if path.is_file() and ".metadata" not in path.suffixes:  # nor its lock
                (Path(links) / path.name).symlink_to(path.resolve())
        yield links


@contextmanager
def blaming(folder: object, what: str) -> Iterator[None]:
    """Report whatever a library raises while it reads a model's folder as an error of this folder.

    Libraries check few of a file's values, and a wrong one can raise anything.

    Raises:
        UserError: the block has raised an exception.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise UserError(
            f"{folder}: not usable as a {what}: {type(error).__name__}: {said}: copy or download it again"
        ) from error


def keep_model_code_out() -> None:
    """Refuse code that a model's folder or a hub brings along (`auto_map`), in this process from now on.

    transformers would ask on the terminal, and copy and import the code after a yes.
    """
    from transformers import dynamic_module_utils

    dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0  # it does not ask
    dynamic_module_utils.get_cached_module_file = _refuse_code
    dynamic_module_utils.get_class_in_module = _refuse_code


def _refuse_code(model: object, *_: object, **__: object) -> Any:
    raise UserError(
        f"{model}: brings code of its own (auto_map), which is not run: take the model without it"
    )
