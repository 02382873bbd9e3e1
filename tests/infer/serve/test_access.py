"""Which requests are answered, by their headers."""

import pytest

from grounding.errors import UserError
from infer.serve.access import Access, RefusedError, check_json, read_api_key
from tests.infer.serve.running_server import chat_body, running

KEY = "not-to-be-guessed"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Host": "localhost:8008"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:8008"}, 200),
        ({"Host": "proxy.example"}, 200),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1.rebound.example"}, 403),
        ({"Host": "localhost@rebound.example"}, 403),
        ({"Host": "0.0.0.0"}, 403),
        ({"Host": "[not an address"}, 403),
        ({"Origin": "http://localhost:8008", "Host": "localhost:8008"}, 200),
        ({"Origin": "https://proxy.example"}, 200),
        ({"Origin": "http://localhost:3000", "Host": "localhost:8008"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "Application/JSON; charset=utf-8"}, 200),
    ],
)
def test_pages_of_strangers_get_no_answer(headers: dict[str, str], expected: int) -> None:
    with running(allowed_hosts=["proxy.example"]) as server:
        status, text = server.send(
            chat_body(), **{name.replace("-", "_"): value for name, value in headers.items()}
        )
    assert status == expected, text
    assert "access-control" not in text.lower()
    if expected != 200:
        assert '"type":"invalid_request_error"' in text


def test_every_path_checks_its_source() -> None:
    with running() as server:
        for path in ("/health", "/v1/models"):
            assert server.send(b"", path=path, Host="rebound.example")[0] == 403


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
    access = Access("0.0.0.0", api_key=KEY)
    if is_right:
        access.check_key({"authorization": given})
        return
    with pytest.raises(RefusedError, match="the API key is missing or wrong") as caught:
        access.check_key({"authorization": given})
    assert caught.value.status == 401


def test_with_a_key_any_name_will_do() -> None:
    Access("127.0.0.1", api_key=KEY).check_source({"host": "behind-a-proxy.example"})


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
