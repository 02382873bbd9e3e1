"""The password of a page that other machines can reach."""

import os
import sys
from pathlib import Path

from grounding.errors import UserError

PASSWORD_VARIABLE = "APP_PASSWORD"
SHORTEST_PASSWORD = 8


def find_password(host: str, password_file: str | None) -> str:
    """Return the password from the file, the environment variable, or the keyboard.

    It is no key=value, as every user of a machine can see the command lines of its processes.

    Raises:
        UserError: there is none, or one that is too short.
    """
    why = f"host={host} opens the page to other machines"
    if password_file is not None:
        try:
            password = Path(password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"password_file: {password_file}: cannot be read: {error}") from error
    elif PASSWORD_VARIABLE in os.environ:
        password = os.environ[PASSWORD_VARIABLE]
    elif sys.stdin.isatty():
        import getpass

        password = getpass.getpass(f"{why}; password for its visitors: ")
    else:
        raise UserError(
            f"{why}, which needs a password: set {PASSWORD_VARIABLE} in the environment, or password_file="
        )
    if len(password.strip()) < SHORTEST_PASSWORD:
        raise UserError(f"{why}: its password needs {SHORTEST_PASSWORD} characters or more, beside blanks")
    return password
