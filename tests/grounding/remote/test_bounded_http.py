"""Redirects; behaviours.py has what servers do to the rest of the client."""

import httpx2
import pytest

from grounding.remote.bounded_http import RefusedAnswerError, check_redirect


@pytest.mark.parametrize(
    ("asked", "target", "is_followed"),
    [
        ("http://a/v1/x", "http://a/v2/x", True),
        ("http://a/v1", "https://a/v1", True),
        ("https://a:443/v1", "https://a/v2", True),
        ("https://a/v1", "http://a/v1", False),
        ("http://a:8000/v1", "https://a/v1", False),
        ("http://a/v1", "http://a:8000/v1", False),
        ("http://a/v1", "http://b/v1", False),
        ("http://a/v1", "http://a.b/v1", False),
        ("http://a/v1", "http://a@b/v1", False),
    ],
)
def test_only_a_redirect_on_the_same_server_is_followed(asked: str, target: str, is_followed: bool) -> None:
    urls = httpx2.URL(asked), httpx2.URL(target)
    if is_followed:
        check_redirect(*urls)
    else:
        with pytest.raises(RefusedAnswerError, match="redirects to"):
            check_redirect(*urls)
