"""The environment variables that HTTP libraries read: proxies, and files of certificates."""

import os
from urllib.parse import urlsplit
from urllib.request import getproxies

from grounding.errors import UserError

PROXY_VARIABLES = {"http": "HTTP_PROXY", "https": "HTTPS_PROXY", "all": "ALL_PROXY"}
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
"""Those by SOCKS need a package that this project does not install."""

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def check_proxies() -> None:
    """Check the proxies of the environment: HTTP libraries find some faults only while they connect.

    Raises:
        UserError: a variable names no proxy. Its value is not shown, as it can hold a password.
    """
    proxies = getproxies()
    if "*" in map(str.strip, proxies.get("no", "").split(",")):
        return  # none is used
    for kind, variable in PROXY_VARIABLES.items():
        if (address := proxies.get(kind)) and not _is_proxy(address):
            raise UserError(
                f"{variable} (or {variable.lower()}): no address of a proxy, such as "
                "http://proxy.example.org:3128: correct it, or unset it"
            )


def _is_proxy(address: str) -> bool:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host = (parts.hostname or "").strip().encode("idna")  # an error where DNS cannot have it
        return parts.scheme in PROXY_SCHEMES and parts.port != 0 and bool(host)  # so is a port above 65535
    except ValueError:
        return False


def certificate_problem(error: OSError) -> str:
    """Say why certificates could not be loaded, and which variables name their files."""
    named = [name for name in CERTIFICATE_VARIABLES if os.environ.get(name)]
    reason = error.strerror or type(error).__name__
    return (
        f"{' or '.join(named) or 'certificates'}: the file for encrypted connections cannot be used "
        f"({reason}): name another file, or unset the variable"
    )
