import pytest

from infer.engines.openai.token_alignment import ListedToken, align_tokens
from infer.engines.protocol import Token

RED = "红".encode()
SHOWN = "<|object_ref_start|>红(1,2)<|im_end|>"


def test_tokens_are_matched_with_the_text() -> None:
    pieces = [
        ListedToken(b"<|object_ref_start|>", -9.0),
        ListedToken(RED[:1], -1.0),
        ListedToken(RED[1:], -2.0, (("红", -2.0), ("蓝", -3.0))),
        ListedToken(b"", -9.0),
        ListedToken(b"(1,2)", -3.0),
        ListedToken(b"<|im_end|>", -9.0),
    ]
    found = align_tokens("红(1,2)", pieces)
    assert found == (
        Token("", -9.0),
        Token("", -1.0),
        Token("红", -2.0, False, (("红", -2.0), ("蓝", -3.0))),
        Token("(1,2)", -3.0),
    )
    contents = [b"<|object_ref_start|>", RED[:1], RED[1:], b"(1,2)"]
    assert [token.content for token in found] == contents
    assert [token.is_left_out for token in found] == [True, False, False, False]
    shown = align_tokens(SHOWN, pieces)
    assert "".join(token.text for token in shown) == SHOWN
    assert align_tokens("红(1,3)", pieces) == ()
    assert align_tokens("红(1,2) and more", pieces) == ()


@pytest.mark.parametrize(
    ("listed", "texts", "unfinished"),
    [
        ((RED[:1], RED[1:2], RED[2:]), ("", "", "红"), (True, True, False)),
        ((b"<0xE7>", b"<0xBA>", b"<0xA2>"), ("", "", "红"), (True, True, False)),
        ((b"", b"", RED), ("", "", "红"), (True, True, False)),
        (("\ufffd".encode(),) * 3, ("", "", "红"), (True, True, False)),
        (("\ufffd\ufffd".encode(), "\ufffd".encode()), ("", "红"), (True, False)),
    ],
    ids=["bytes", "byte tokens", "no text", "unknown", "two unknown bytes in a token"],
)
@pytest.mark.parametrize("marks", [True, False], ids=["marks shown", "marks left out"])
def test_a_character_of_several_tokens_belongs_to_the_last(
    listed: tuple[bytes, ...], texts: tuple[str, ...], unfinished: tuple[bool, ...], marks: bool
) -> None:
    """However the server lists the others; a blank before it, and a second such character, change nothing."""
    contents = (b"a", *listed, *listed, b"<|box_start|>", b"(1,2)")
    text = f"a红红{'<|box_start|>' if marks else ''}(1,2)"
    tokens = align_tokens(text, [ListedToken(content, -float(n)) for n, content in enumerate(contents)])
    assert "".join(token.text for token in tokens) == text
    assert len(tokens) == len(contents)
    assert [token.is_left_out for token in tokens[-2:]] == [not marks, False]
    parts = tokens[1 : 1 + 2 * len(listed)]
    assert parts[-1].text == "红" or parts[-1].text == "红红"
    assert [token.logprob for token in tokens[: 1 + 2 * len(listed)]] == [
        -float(n) for n in range(1 + 2 * len(listed))
    ]
    if "".join(token.text for token in parts[: len(listed)]) == "红":  # the server's bytes tell
        assert tuple(token.text for token in parts) == texts * 2
        assert tuple(token.is_unfinished for token in parts) == unfinished * 2
    else:
        assert all(not token.text and token.is_unfinished for token in parts[:-1])


def test_a_character_is_completed_before_a_token_that_is_left_out() -> None:
    contents = ("\ufffd".encode(), b"<|box_start|>", b"(", b"<|im_end|>")
    tokens = align_tokens("红(", [ListedToken(content, -1.0) for content in contents])
    assert [token.text for token in tokens] == ["红", "", "("]
    assert [token.is_left_out for token in tokens] == [False, True, False]


def test_a_blank_and_a_part_of_a_character_can_be_one_token() -> None:
    for second in (RED[1:], "\ufffd".encode()):
        first = b" " + (RED[:1] if second == RED[1:] else "\ufffd".encode())
        tokens = align_tokens("a 红(", [ListedToken(part, -1.0) for part in (b"a", first, second, b"(")])
        assert [token.text for token in tokens] == ["a", " ", "红", "("]
        assert [token.is_unfinished for token in tokens] == [False, True, False, False]


def test_unknown_bytes_before_the_same_character_as_one_token() -> None:
    tokens = align_tokens("红红(", [ListedToken(part, -1.0) for part in ("\ufffd".encode(), RED, b"(")])
    assert [token.text for token in tokens] == ["红", "红", "("]


@pytest.mark.parametrize("text", ["a\ufffd", "a"], ids=["shown as U+FFFD", "left out"])
def test_an_answer_cut_within_a_character_keeps_its_tokens(text: str) -> None:
    tokens = align_tokens(text, [ListedToken(b"a", -1.0), ListedToken(RED[:1], -2.0)])
    assert [(token.text, token.logprob) for token in tokens] == [("a", -1.0), (text[1:], -2.0)]
    assert tokens[-1].is_unfinished


def test_bytes_that_are_no_characters_are_matched_with_what_is_shown_for_them() -> None:
    tokens = align_tokens(
        "a\ufffd(\ufffd", [ListedToken(part, -1.0) for part in (b"a", b"\xe7", b"(", b"\xff")]
    )
    assert "".join(token.text for token in tokens) == "a\ufffd(\ufffd"
    assert len(tokens) == 4


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ("红 blue", ("\ufffd".encode(), b"green")),
        ("red blue", ("\ufffd".encode(), b" blue")),  # ASCII is never a part of a character
        ("红" * 9 + "(", ("\ufffd".encode(), b"(")),  # more than one token has
        ("红" * 9, ("\ufffd".encode(),)),
        ("a", (b"<0x62>",)),
    ],
)
def test_unknown_bytes_stand_for_a_few_characters_outside_ascii_alone(
    text: str, contents: tuple[bytes, ...]
) -> None:
    assert align_tokens(text, [ListedToken(content, -1.0) for content in contents]) == ()
