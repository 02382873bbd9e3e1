"""Pickles of plain values: lists, dicts, texts and numbers.

A pickle can name functions that its reader calls; here every name is refused. A few of its bytes can also ask
for any amount of memory, so that is bounded.
"""

import pickle
from pathlib import Path
from typing import IO, Any

from grounding.errors import UserError
from prepare.sources.shared.file_patterns import first_line
from prepare.sources.shared.memory_bound import memory_bound
from prepare.sources.tool_files.text_files import check_regular

MOST_MEMORY = 1 << 31
"""Bytes that reading a file may take, 2 GiB: the expressions of RefCOCOg take 100 MB."""


class NamedCodeError(Exception):
    """A pickle names a function or class; it was not called."""


class PlainUnpickler(pickle.Unpickler):
    """An unpickler that calls nothing."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Refuse every name.

        Raises:
            NamedCodeError: always.
        """
        raise NamedCodeError(f"{module_name}.{global_name}")

    def persistent_load(self, pid: Any, /) -> Any:
        """Refuse objects outside the file.

        Raises:
            NamedCodeError: always.
        """
        raise NamedCodeError("an object outside of it")


def load_plain_pickle(path: Path) -> Any:
    """Return the values in a pickle, also one of Python 2, whose texts are UTF-8.

    Raises:
        UserError: not a pickle, one that names code, or one that takes too much memory.
    """
    check_regular(path)
    try:
        with path.open("rb") as file, memory_bound(MOST_MEMORY):
            return _load(file)
    except NamedCodeError as error:
        raise UserError(
            f"{path}: refers to {error}: plain values name no code, so this file may run some, and was not "
            "read: take it from the authors of the data set"
        ) from error
    except MemoryError as error:
        raise UserError(f"{path}: reading it takes more than {MOST_MEMORY:,} bytes of memory") from error
    except RecursionError as error:
        raise UserError(f"{path}: too many levels of lists and dicts") from error
    except Exception as error:  # the C code behind pickle raises nearly any type on damaged bytes
        raise UserError(f"{path}: not readable as a pickle: {first_line(error)}") from error


def _load(file: IO[bytes]) -> Any:
    return PlainUnpickler(file, encoding="utf-8", errors="surrogateescape").load()
