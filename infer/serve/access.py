"""Who may ask: the key, and what tells a program from a web page of a stranger.

Beside Host and Origin, that is the content type: a browser asks before it sends JSON for another server's
page.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from grounding.errors import UserError
from infer.serve.address import is_loopback
from infer.serve.source_check import SourceCheck

KEY_VARIABLE = "SERVE_API_KEY"

LEAST_KEY = 8
"""Characters of the shortest key: a shorter one is found by trying."""


class RefusedError(Exception):
    """A request that is refused; `status` is the HTTP status, `code` a word that programs can read."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        """Refuse with a message that says what is wrong and what to do."""
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Access:
    """What a request's headers must show.

    Without a key, Host must be a name of this machine, or one of `allowed_hosts`, which are in lower case.
    With a key, any Host will do, as a stranger's page does not have the key.
    """

    allowed_hosts: frozenset[str] = frozenset()
    api_key: str | None = None

    def check_source(self, headers: Mapping[str, str]) -> None:
        """Check Host and Origin.

        Raises:
            RefusedError: the request is for another name, or from a page of another server.
        """
        if reason := SourceCheck(self.api_key is None, self.allowed_hosts).refusal(headers):
            raise RefusedError(403, reason)

    def check_key(self, headers: Mapping[str, str]) -> None:
        """Check the key, in the time that any wrong key takes.

        Raises:
            RefusedError: no key, another one, or one that is not given as `Bearer KEY`.
        """
        if self.api_key is None:
            return
        scheme, _, key = headers.get("authorization", "").partition(" ")
        is_right = secrets.compare_digest(key.encode(), self.api_key.encode())
        if not is_right or scheme.lower() != "bearer":
            raise RefusedError(401, "the API key is missing or wrong: send Authorization: Bearer KEY")


def check_json(headers: Mapping[str, str]) -> None:
    """Check that the body is declared as JSON.

    Raises:
        RefusedError: it is not.
    """
    kind = headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, f"Content-Type is {kind!r}: send application/json")


def read_api_key(value: str | None, host: str) -> str | None:
    """Return the key from the environment, None if none is set.

    Raises:
        UserError: the key can be guessed or cannot be sent in a header, or an open address has none.
    """
    if not value:
        if not is_loopback(host):
            raise UserError(
                f"host={host}: other machines can reach that address: set {KEY_VARIABLE} in the "
                "environment to the key that clients have to send"
            )
        return None
    if len(value) < LEAST_KEY or not value.isascii() or not value.isprintable() or " " in value:
        raise UserError(
            f"{KEY_VARIABLE}: a key has at least {LEAST_KEY} characters, all of them printable ASCII and "
            "none a space: take for instance the output of `openssl rand -hex 32`"
        )
    return value


def audience_line(host: str, access: Access) -> str:
    """Return the line that says at start who is answered at this address."""
    key = f"with the key of {KEY_VARIABLE}" if access.api_key else "without a key"
    if is_loopback(host):
        return f"it answers programs on this machine, {key}, and no web pages of others"
    return f"it answers every machine that can reach this address, {key}, without TLS: that is for a proxy"
