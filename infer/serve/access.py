"""Who may ask: the key, and what tells a program from a web page of a stranger.

A browser sends the requests of any page to addresses of this machine. It names the page in Origin, and the
name that the page was loaded from in Host, even where that name has been pointed at this machine since (DNS
rebinding). Without asking first, it sends no JSON content type.
"""

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from grounding.errors import UserError
from infer.serve.address import is_loopback

KEY_VARIABLE = "SERVE_API_KEY"

LEAST_KEY = 8
"""Characters of the shortest key: a shorter one is found by trying."""


class RefusedError(Exception):
    """A request that is refused; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """Refuse with a message that says what is wrong and what to do."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Access:
    """What a request's headers must show.

    Without a key, Host must be a name of this machine: `host`, a loopback name, or one of `allowed_hosts`.
    With a key, any Host will do, as a stranger's page does not have the key.
    """

    host: str
    allowed_hosts: tuple[str, ...] = ()
    api_key: str | None = None

    def check_source(self, headers: Mapping[str, str]) -> None:
        """Check Host and Origin.

        Raises:
            RefusedError: the request is for another name, or from a page of another server.
        """
        host = headers.get("host", "")
        if self.api_key is None and not self._is_own(host):
            raise RefusedError(
                403, f"Host {host!r} is not served: start the server with allowed_hosts=[NAME]"
            )
        origin = headers.get("origin")
        if origin is None:
            return
        asking = origin.partition("://")[2]  # "" of the origin "null"
        if not asking or (asking.lower() != host.lower() and _name(asking) not in self.allowed_hosts):
            raise RefusedError(403, f"pages of {origin!r} may not ask this server")

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

    def _is_own(self, host: str) -> bool:
        name = _name(host)
        return is_loopback(name) or name == self.host.lower() or name in self.allowed_hosts


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


def _name(host: str) -> str:
    """Return the name in `name:port`, in lower case; "" where it is none."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return str(ipaddress.ip_address(name)) if ":" in name else name
    except ValueError:
        return ""
