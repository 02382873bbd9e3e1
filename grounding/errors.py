"""The exception for errors that the user can mend, and the one place that prints it."""

import sys
from collections.abc import Callable

USER_ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130


class UserError(Exception):
    """A bad file, key or value from the user; the message says what is wrong, where, and what to do."""


def run_command(command: Callable[[], int | None]) -> int:
    """Run a command line step and return its exit code.

    A `UserError` becomes one line on standard error and exit code 2; Ctrl-C becomes one line and 130. Any
    other exception is a bug of this project and keeps its traceback.
    """
    try:
        return command() or 0
    except UserError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return USER_ERROR_EXIT_CODE
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: repeat the command to resume\n")
        return INTERRUPTED_EXIT_CODE
