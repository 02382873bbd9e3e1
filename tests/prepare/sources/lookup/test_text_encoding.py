"""Texts in the encodings that tools write."""

import pytest

from prepare.sources.lookup.text_encoding import decode_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marked_and_plain(encoding: str) -> None:
    assert decode_text("0 猫\r\n".encode(encoding)) == "0 猫\r\n"


@pytest.mark.parametrize(("encoding", "guess"), [("gbk", "perhaps GBK"), ("latin-1", "perhaps Latin-1")])
def test_others_are_named(encoding: str, guess: str) -> None:
    text = "人" if encoding == "gbk" else "café"
    with pytest.raises(ValueError, match=rf"byte \d+ is not UTF-8, {guess}: convert"):
        decode_text(text.encode(encoding))
