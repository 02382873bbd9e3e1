from infer.engines.protocol import Token
from infer.engines.token_places import TokenPlaces

TOKENS = (Token("cat(", -1.0), Token("12", -2.0), Token("", -3.0), Token("3,", -4.0), Token("4)", -5.0))


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
