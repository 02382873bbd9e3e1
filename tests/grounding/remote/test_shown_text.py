import pytest

from grounding.remote.shown_text import (
    LONGEST_MESSAGE,
    holds_secret,
    public_address,
    root_cause,
    shown_text,
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no\r\n\tmemory", "no memory"),
        ("\x1b[2J\x07\x00", r"\x1b[2J\x07\x00"),
        ("\u202eabc\ud800", r"\u202eabc\ud800"),
        ("内存不足", "内存不足"),
        ("Bearer sk-secret, sk-secret", "Bearer ***, ***"),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 300 + "..."),
        ("\x1b" * 10**6, r"\x1b" * 75 + "..."),
    ],
)
def test_a_message_is_one_short_line_without_secrets(said: str, shown: str) -> None:
    line = shown_text(said, ["sk-secret", "none"])
    assert line == shown
    assert line.isprintable()
    assert len(line) <= LONGEST_MESSAGE + 3


def test_short_words_are_no_secrets() -> None:
    assert shown_text("none is EMPTY", ["none", "EMPTY", ""]) == "none is EMPTY"
    assert holds_secret("the key is abcdef", ["none", "abcdef"])
    assert not holds_secret("none", ["none", ""])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("https://user:pa%20ss@host:1/v1?key=abc#here", "https://host:1/v1"),
        ("http://a@b@[::1]:8/v1", "http://[::1]:8/v1"),
    ],
)
def test_an_address_is_shown_without_secrets(address: str, public: str) -> None:
    assert public_address(address) == public


def test_the_first_error_of_a_chain_is_named() -> None:
    last = OSError("all attempts failed")
    last.__cause__ = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")
    assert root_cause(last) == "[Errno 111] Connection refused"
    assert root_cause(TimeoutError()) == "TimeoutError"
    assert root_cause(ValueError("bad chunk")) == "bad chunk"
