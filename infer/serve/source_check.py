"""Where a request comes from: a program, the own page, or a page of somebody else.

A browser sends the requests of any page to addresses of this machine. It names the page in Origin, and the
name that the page was loaded from in Host, even where that name has been pointed at this machine since (DNS
rebinding).
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from infer.serve.address import is_loopback

SHOWN = 100
"""Characters of a header that a message repeats."""


@dataclass(frozen=True)
class SourceCheck:
    """The names that are answered, in lower case.

    With `is_local`, only these and the names of this machine itself are answered. Without it, a secret that
    a stranger's page does not have protects the server, and every name is answered.
    """

    is_local: bool
    allowed: frozenset[str] = frozenset()

    def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why a request with these headers is refused, or None.

        A page may only ask the server and port that it came from, or has to be of an allowed host.
        """
        host = headers.get("host", "")
        place = _place(host)
        name = _name(place)
        if self.is_local and not is_loopback(name) and name not in self.allowed:
            return f"Host {host[:SHOWN]!r} is not served here: its owner may set allowed_hosts=[NAME]"
        if (origin := headers.get("origin")) is None:
            return None
        asking = _place(origin)
        forwarded = "" if self.is_local else _place(headers.get("x-forwarded-host", "")).netloc
        if asking.netloc and asking.netloc in (place.netloc, forwarded):
            return None
        if _name(asking) in self.allowed:
            return None
        return f"pages of {origin[:SHOWN]!r} may not ask here: the owner may set allowed_hosts=[NAME]"


def _place(value: str) -> SplitResult:
    """Split a header Host or Origin; what cannot be split, or names a user, has no host."""
    try:
        place = urlsplit((value if "://" in value else f"//{value}").lower())
        _ = place.hostname
    except ValueError:
        return urlsplit("")
    return urlsplit("") if "@" in place.netloc else place


def _name(place: SplitResult) -> str:
    """Return the name of a place, "" without one; an IPv6 address in its shortest form."""
    name = place.hostname or ""
    try:
        return str(ipaddress.ip_address(name)) if ":" in name else name
    except ValueError:
        return ""
