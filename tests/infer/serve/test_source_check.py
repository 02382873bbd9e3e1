import pytest

from infer.serve.source_check import SourceCheck

LOCAL = SourceCheck(is_local=True)
PROXIED = SourceCheck(is_local=True, allowed=frozenset({"example.org"}))
OPEN = SourceCheck(is_local=False)
PORT = ":7860"


@pytest.mark.parametrize(
    ("check", "headers"),
    [
        *((LOCAL, {"host": host + PORT}) for host in ("127.0.0.1", "localhost", "[::1]", "127.9.9.9")),
        (LOCAL, {"host": "LOCALHOST:9000", "origin": "http://localhost:9000"}),
        (PROXIED, {"host": "example.org", "origin": "https://example.org"}),
        (PROXIED, {"host": "127.0.0.1:7860", "origin": "https://Example.org"}),
        (OPEN, {"host": "10.0.0.7:7860", "origin": "http://10.0.0.7:7860"}),
        (OPEN, {"host": "app:7860", "x-forwarded-host": "example.org", "origin": "https://example.org"}),
        (OPEN, {"host": "any.name"}),
    ],
)
def test_the_own_page_is_answered(check, headers):
    assert check.refusal(headers) is None


@pytest.mark.parametrize(
    ("check", "headers"),
    [
        *(
            (LOCAL, {"host": host})
            for host in ("evil.example", "evil.example:7860", "", "[", "0.0.0.0", "a@b")
        ),
        (LOCAL, {}),
        (LOCAL, {"host": "127.0.0.1.evil.example"}),
        (LOCAL, {"host": "127.0.0.1", "x-forwarded-host": "evil.example", "origin": "http://evil.example"}),
        *(
            (check, {"host": "127.0.0.1:7860", "origin": origin})
            for check in (LOCAL, PROXIED, OPEN)
            for origin in ("http://evil.example", "null", "", "http://127.0.0.1:8888", "http://[")
        ),
        (PROXIED, {"host": "evil.example"}),
        (PROXIED, {"host": "sub.example.org"}),
    ],
)
def test_other_hosts_and_their_pages_are_refused(check, headers):
    assert "allowed_hosts=" in check.refusal(headers)
