import math

import pytest

from infer.confidence.coordinate_odds import (
    LEAST_LOGPROB,
    MOST_ALTERNATIVES,
    bounded_logprob,
    coordinate_odds,
    likeliest,
)
from infer.engines.protocol import Token


def token(text: str, **chances: float) -> Token:
    """Return a token with these chances of it and of the others; `d1` stands for the digit 1."""
    likely = {name.lstrip("d"): chance for name, chance in chances.items()}
    return Token(
        text, math.log(likely[text]), alternatives=tuple((k, math.log(v)) for k, v in likely.items())
    )


def test_each_digit_opens_numbers_with_the_chance_of_the_digits_before_it() -> None:
    tokens = [
        (token("1", d1=0.6, d3=0.4), "1"),
        (token("2", d2=0.75, d0=0.25), "2"),
        (token("5", d5=1.0), "5"),
    ]
    odds = coordinate_odds("125", tokens, 3)
    assert odds.middle == (125, 349.5, 104.5)
    assert odds.near == (125, 300, 109)
    assert odds.chances == pytest.approx((0.45, 0.4, 0.15))
    first, second = (-sum(p * math.log(p) for p in pair) for pair in ((0.6, 0.4), (0.75, 0.25)))
    assert odds.entropies == pytest.approx((first, second, 0.0))


def test_another_first_digit_begins_a_number_of_the_usual_length() -> None:
    odds = coordinate_odds("0", [(token("0", d0=0.5, d2=0.5), "0")], 3)
    assert (odds.near, odds.middle) == ((0, 200), (0, 249.5))
    odds = coordinate_odds("1000", [(token("1", d1=0.5, d8=0.3, d0=0.2), "1")], 3)
    assert odds.middle == (1000, 849.5, 0)


def test_tokens_of_several_digits_and_of_a_fraction_are_read() -> None:
    odds = coordinate_odds("125", [(Token("(125", -0.7, alternatives=((" 250", -0.7),)), "125")], 3)
    assert odds.middle == (125, 250)
    tokens = [(token("0", d0=1.0), "0"), (Token(".", 0.0), "."), (token("5", d5=0.5, d7=0.5), "5")]
    assert coordinate_odds("0.5", tokens, 3).middle == pytest.approx((0.5, 0.7))


def test_what_is_no_digit_has_no_say() -> None:
    tokens = [(Token("7", -0.1, alternatives=((",", -3.0), ("cat", -3.0), ("", -4.0), ("7", -0.1))), "7")]
    odds = coordinate_odds("7", tokens, 1)
    assert (odds.middle, odds.chances, odds.entropies) == ((7.0,), (1.0,), (0.0,))
    assert coordinate_odds("", [], 0).chances == (1.0,)


def test_spellings_of_one_digit_are_added() -> None:
    tokens = [(Token("7", math.log(0.5), alternatives=(("8", math.log(0.2)), (" 8", math.log(0.3)))), "7")]
    assert coordinate_odds("7", tokens, 1).chances == pytest.approx((0.5, 0.5))


def test_the_order_and_the_number_of_the_alternatives_do_not_matter_beyond_the_likeliest() -> None:
    listed = tuple((str(number), -1.0 - number) for number in range(20))
    one, other = (Token("5", -6.0, alternatives=pairs) for pairs in (listed, tuple(reversed(listed))))
    assert likeliest(one) == likeliest(other)
    assert len(likeliest(one)) == MOST_ALTERNATIVES
    unlikely = Token("19", -20.0, alternatives=listed)
    assert likeliest(unlikely)[-1] == ("19", LEAST_LOGPROB)


def test_logarithms_are_bounded() -> None:
    assert [bounded_logprob(value) for value in (-9999.0, -math.inf, -1.5, 0.1)] == [-14, -14, -1.5, 0]
