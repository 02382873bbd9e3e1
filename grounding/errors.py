"""The exception for errors that the user can mend, and the one place that writes to a terminal."""

import logging
import sys
from collections.abc import Callable
from typing import Any
from unicodedata import category

USER_ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130

UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of control and format characters, halves of surrogate pairs, and other line ends."""

JOINERS = "\u200c\u200d"
"""Format characters that are part of words in some scripts, and of emoji."""


_SHOWN = 80


class UserError(Exception):
    """A bad file, key or value from the user; the message says what is wrong, where, and what to do."""


class PrintableFormatter(logging.Formatter):
    """Formats log records without what a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text, with control characters escaped."""
        return printable(super().format(record))


def printable(text: str, keep: str = "\n\t") -> str:
    r"""Return a text with control characters escaped, as `\x1b`, but for those in `keep`.

    Names, labels and answers come from strangers. A terminal obeys the control characters in them: they
    move the cursor, change what was printed, or set its title. Others change the direction of writing.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if category(letter) in UNPRINTABLE and letter not in keep and letter not in JOINERS
        else letter
        for letter in text
    )


def in_short(value: Any) -> str:
    """Return a stranger's value for a message: in ASCII, and at most 80 characters of it."""
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or lists within lists
        text = f"a large {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def print_result(text: str) -> None:
    """Print the result of a command and a line end on standard output, with control characters escaped."""
    sys.stdout.write(f"{printable(text)}\n")


def start_logging() -> None:
    """Let messages of the level INFO and above appear on standard error, with control characters escaped."""
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def run_command(command: Callable[[], int | None], *, resumes: bool = True) -> int:
    """Run a command line step and return its exit code.

    A `UserError` becomes one line on standard error and exit code 2; Ctrl-C becomes one line and 130, which
    says whether the step `resumes`. Any other exception is a bug of this project and keeps its traceback.
    """
    try:
        return command() or 0
    except UserError as error:
        sys.stderr.write(f"error: {printable(' '.join(str(error).split()), keep='')}\n")
        return USER_ERROR_EXIT_CODE
    except KeyboardInterrupt:
        again = "to resume" if resumes else "to begin anew"
        sys.stderr.write(f"interrupted: repeat the command {again}\n")
        return INTERRUPTED_EXIT_CODE
