"""The address that a server listens at."""

import ipaddress
import socket
from collections.abc import Iterable

from grounding.errors import UserError


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address; `localhost` is the only name that counts."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        UserError: the address is taken, or does not belong to this machine.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"host={host} port={port}: cannot listen there: {error.strerror or error}: set another port"
        ) from error


def web_address(host: str, port: int) -> str:
    """Return the URL of an address; a URL has IPv6 addresses in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def plain_words(words: Iterable[str]) -> list[str]:
    """Return `key=value` words in which an IPv6 address can be read as YAML, with or without brackets."""
    return [
        f'host="{word.removeprefix("host=").strip("[]")}"'
        if word.startswith("host=") and word.count(":") > 1
        else word
        for word in words
    ]
