"""Which requests are answered, by their headers."""

import pytest

from grounding.errors import UserError
from infer.serve.access import Access, RefusedError, check_json, read_api_key

KEY = "not-to-be-guessed"


@pytest.mark.parametrize(
    ("given", "is_right"),
    [
        (f"Bearer {KEY}", True),
        (f"bearer {KEY}", True),
        (KEY, False),
        (f"Basic {KEY}", False),
        (f"Bearer  {KEY}", False),
        (f"Bearer {KEY}x", False),
        ("Bearer ", False),
        ("", False),
        ("Bearer \u00e4", False),
    ],
)
def test_only_a_bearers_key_is_right(given: str, is_right: bool) -> None:
    access = Access(api_key=KEY)
    if is_right:
        access.check_key({"authorization": given})
        return
    with pytest.raises(RefusedError, match="the API key is missing or wrong") as caught:
        access.check_key({"authorization": given})
    assert caught.value.status == 401


def test_with_a_key_any_name_will_do() -> None:
    Access(api_key=KEY).check_source({"host": "behind-a-proxy.example"})


@pytest.mark.parametrize(
    "key",
    [" ", "        ", "x", "1234567", "with space", "tab\tinside", "schl\u00fcssel-lang", "new\nline-x"],
)
def test_a_key_that_can_be_guessed_or_not_be_sent_is_refused(key: str) -> None:
    with pytest.raises(UserError, match="SERVE_API_KEY: a key has at least 8 characters") as caught:
        read_api_key(key, "127.0.0.1")
    assert len(key) < 8 or key not in str(caught.value)


def test_an_open_address_needs_a_key() -> None:
    assert read_api_key(None, "127.0.0.1") is None
    assert read_api_key("", "::1") is None
    assert read_api_key(KEY, "0.0.0.0") == KEY
    with pytest.raises(UserError, match=r"host=0.0.0.0: other machines can reach that address"):
        read_api_key(None, "0.0.0.0")


def test_json_must_be_declared() -> None:
    check_json({"content-type": "application/json"})
    with pytest.raises(RefusedError, match="Content-Type is 'text/plain': send application/json"):
        check_json({"content-type": "text/plain"})
