"""Tokens of a span: the same ones whether the answer shows its special tokens or leaves them out."""

import pytest

from infer.engines.protocol import Token
from infer.engines.token_places import TokenPlaces

TEXTS = (
    *("<|object_ref_start|>", "a", " cup", "<|object_ref_end|>", "<|box_start|>", "(1", ",2),", "(3,4)"),
    *("<|box_end|>", "<|box_start|>", "(5,6)", ",(7,8)", "<|box_end|>", ", ", "<|object_ref_start|>", "dog"),
)
SPANS = {"a cup": (1, 2), "(1,2),(3,4)": (4, 8), "1": (5, 5), "(5,6),(7,8)": (9, 12), "dog": (15, 15)}
"""The place of the first and of the last token of each part; a box has its marks, a number has not."""

TOKENS = (Token("cat(", -1.0), Token("12", -2.0), Token("", -3.0), Token("3,", -4.0), Token("4)", -5.0))


@pytest.mark.parametrize("part", SPANS)
@pytest.mark.parametrize("leaves_out", [False, True])
def test_the_tokens_of_a_part_are_the_same_with_and_without_marks(part: str, leaves_out: bool) -> None:
    tokens = [
        Token("" if leaves_out and text.startswith("<|") else text, -1.0, content=text.encode())
        for text in TEXTS
    ]
    shown = "".join(token.text for token in tokens)
    start = shown.index(part)
    end = start + len(part)
    if not leaves_out and part.startswith("("):
        start, end = start - len("<|box_start|>"), end + len("<|box_end|>")
    first, last = SPANS[part]
    assert TokenPlaces(tokens).of_span((start, end)) == range(first, last + 1)


def test_parts_of_a_character_count_with_it() -> None:
    red = "红".encode()
    tokens = [
        Token("a", -1.0, content=b"a"),
        Token("", -1.0, is_unfinished=True, content=red[:1]),
        Token("", -1.0, is_unfinished=True, content=red[1:2]),
        Token("红", -1.0, content=red[2:]),
    ]
    places = TokenPlaces(tokens)
    assert (places.of_span((0, 1)), places.of_span((1, 2))) == (range(1), range(1, 4))
    assert places.part_of(3, (0, 2)) == (1, 2)


def test_tokens_that_share_a_character_are_found() -> None:
    places = TokenPlaces(TOKENS)
    assert list(places.of_span((0, 3))) == [0]
    assert list(places.of_span((4, 7))) == [1, 2, 3]


def test_a_token_without_text_counts_with_what_follows() -> None:
    assert list(TokenPlaces(TOKENS).of_span((6, 7))) == [2, 3]


def test_the_part_that_a_token_writes() -> None:
    places = TokenPlaces(TOKENS)
    text = "".join(token.text for token in TOKENS)
    parts = [places.part_of(place, (4, 7)) for place in places.of_span((4, 7))]
    assert [text[start:end] for start, end in parts] == ["12", "", "3"]


def test_a_span_behind_the_tokens_has_none() -> None:
    assert not TokenPlaces(()).of_span((0, 3))
