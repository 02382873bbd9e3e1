"""What a server says, as a part of one line: short, without secrets and control characters."""

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from grounding.errors import printable

LONGEST_MESSAGE = 300
"""Characters of a server's message that are shown."""

SHORTEST_SECRET = 6
"""A key of fewer characters protects nothing; hiding "none" or "EMPTY" would garble messages."""


def shown_text(message: str, secrets: Sequence[str]) -> str:
    """Return a message in one line of LONGEST_MESSAGE characters, with "***" in place of each secret.

    Control characters and characters that change the direction of writing are escaped.
    """
    for secret in secrets:
        if holds_secret(message, [secret]):
            message = message.replace(secret, "***")
    line = " ".join(message.split())
    escaped = printable(line[: LONGEST_MESSAGE + 1], keep="")
    return escaped if len(escaped) <= LONGEST_MESSAGE else f"{escaped[:LONGEST_MESSAGE]}..."


def holds_secret(text: str, secrets: Sequence[str]) -> bool:
    """Tell whether one of the secrets is in a text; short ones do not count."""
    return any(len(secret) >= SHORTEST_SECRET and secret in text for secret in secrets)


def without_secret(text: str, secrets: Sequence[str]) -> str:
    """Return the start of a growing text in which no secret is, and none can begin at its end."""
    long = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
    ends = [place for secret in long if (place := text.find(secret)) >= 0]
    ends += [
        len(text) - length
        for secret in long
        for length in range(1, min(len(secret), len(text) + 1))
        if text.endswith(secret[:length])
    ]
    return text[: min(ends, default=len(text))]


def public_address(url: str) -> str:
    """Return an address without user, password, query and fragment, which can hold secrets.

    Raises:
        ValueError: the address cannot be parsed, or its port is above 65535.
    """
    parts = urlsplit(url)
    _ = parts.port  # checked when it is read
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def root_cause(error: BaseException) -> str:
    """Return the text of the first of the errors that led to this one."""
    while cause := (error.__cause__ or error.__context__):
        error = cause
        if several := getattr(error, "exceptions", ()):  # one for each address of the host
            error = several[0]
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return f"[Errno {error.errno}] {os.strerror(error.errno or 0)}"
    return str(error) or type(error).__name__
