"""Which names of this server a browser may ask, and from which pages.

A stranger's page can point its own name at this machine (DNS rebinding) and then read what the app answers.
The headers Host and Origin give it away: they hold the name that the browser asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from infer.serve.address import is_loopback


@dataclass(frozen=True)
class HostCheck:
    """The host names that are answered, in lower case.

    With `is_local`, only these and the names of this machine itself are answered. Without it, a password
    protects the app, and every name is answered.
    """

    is_local: bool
    allowed: frozenset[str] = frozenset()

    def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why a request with these headers is refused, or None.

        A page may only ask the server and port that it came from, or has to be of an allowed host.
        """
        place = _place(headers.get("host", ""))
        host = place.hostname or ""
        if self.is_local and not is_loopback(host) and host not in self.allowed:
            return f"The host name {host[:100]!r} is not allowed. Its owner may set allowed_hosts=[NAME]."
        if (origin := headers.get("origin")) is None:
            return None
        asking = _place(origin)
        forwarded = "" if self.is_local else _place(headers.get("x-forwarded-host", "")).netloc
        if asking.netloc and asking.netloc in (place.netloc, forwarded):
            return None
        if asking.hostname in self.allowed:
            return None
        return f"Pages of {origin[:100]!r} may not ask this app. Its owner may set allowed_hosts=[NAME]."


def _place(value: str) -> SplitResult:
    """Split a header Host or Origin; what cannot be split has no host."""
    try:
        place = urlsplit((value if "://" in value else f"//{value}").lower())
        _ = place.hostname
    except ValueError:
        return urlsplit("")
    return place
