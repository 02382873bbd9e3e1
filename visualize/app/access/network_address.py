"""The network address that a request comes from, by which a visitor is counted."""

import ipaddress
from collections.abc import Mapping
from typing import Any


def visitor_of(scope: Mapping[str, Any]) -> str:
    """Return the address of a request's client; of an IPv6 address, its network of 64 bits.

    A household or a server has so many IPv6 addresses that a single one says nothing.
    """
    host = str((scope.get("client") or ("", 0))[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
