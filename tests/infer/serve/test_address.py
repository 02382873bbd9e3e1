import socket

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_settings
from infer.serve.address import bind, is_loopback, plain_words, web_address
from infer.serve.serve_settings import ServeSettings


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")),
        *(
            (host, False)
            for host in ("0.0.0.0", "::", "192.168.1.7", "example.org", "localhost.example.org", "")
        ),
    ],
)
def test_only_this_machines_own_addresses_are_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_taken_port_and_a_foreign_address_are_named() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=f"port={port}: cannot listen there: Address already in use"):
            bind("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            pass
    with pytest.raises(UserError, match=r"host=192.0.2.1 port=1: cannot listen there"):
        bind("192.0.2.1", 1)


@pytest.mark.parametrize(
    ("word", "host"),
    [
        ("host=::1", "::1"),
        ("host=[::1]", "::1"),
        ("host=::", "::"),
        ("host=fe80::1", "fe80::1"),
        ("host=127.0.0.1", "127.0.0.1"),
        ("host=localhost", "localhost"),
    ],
)
def test_every_address_can_be_typed(word: str, host: str) -> None:
    assert load_settings(ServeSettings, plain_words([word, "port=9"])).host == host


def test_the_address_of_ipv6_has_brackets() -> None:
    assert web_address("::1", 8008) == "http://[::1]:8008"
    assert web_address("127.0.0.1", 8008) == "http://127.0.0.1:8008"
