"""What the model held possible in place of a number that it wrote, from the alternatives of its digits."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from infer.engines.protocol import Token

MOST_ALTERNATIVES = 10
"""Of each token, so many of the likeliest alternatives count: servers list 20 at most, some of them fewer."""

LEAST_LOGPROB = -14.0
"""Smaller logarithms count as this one: servers write -9999 for tokens that cannot be."""

LARGEST = 1e9
"""Larger numbers count as this one: their areas stay finite."""

_DIGITS = re.compile(r"[\s.]*([0-9]+)")


@dataclass(frozen=True)
class CoordinateOdds:
    """The numbers that could stand in place of one, the written one first, with chances that sum to 1.

    `near` and `middle` are guesses of the same numbers: where another digit begins one, the digits after it
    are unknown. The guess is the nearest to the written number that they allow, or the middle of them all.
    `entropies` has the entropy in nats of each written digit among the digits, in the order of the text.
    """

    near: tuple[float, ...]
    middle: tuple[float, ...]
    chances: tuple[float, ...]
    entropies: tuple[float, ...]


def likeliest(token: Token) -> list[tuple[str, float]]:
    """Return text and log-probability of the likeliest tokens in a token's place, itself among them.

    The order does not depend on how a server orders equal ones.
    """
    by_text: dict[str, float] = {token.text: token.logprob}
    for text, logprob in token.alternatives:
        by_text[text] = max(logprob, by_text.get(text, -math.inf))
    ranked = sorted(by_text.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_ALTERNATIVES]
    if token.text not in dict(ranked):
        ranked.append((token.text, token.logprob))
    return [(text, bounded_logprob(logprob)) for text, logprob in ranked]


def bounded_logprob(logprob: float) -> float:
    """Return a log-probability between LEAST_LOGPROB and 0."""
    return min(0.0, max(LEAST_LOGPROB, logprob))


def coordinate_odds(number: str, tokens: Sequence[tuple[Token, str]], usual: int) -> CoordinateOdds:
    """Return the odds of a number, from each token that writes it and the part of the number in it.

    A whole number that begins with another digit is taken to have the `usual` length, and 0 to stand alone.
    Anything else is taken to have as many digits as the number, and its decimal point at the same place.
    """
    whole = _digits_of(number)
    is_whole = whole == number
    unit = 10.0 ** -len(_digits_of(number.partition(".")[2]))
    written = _number(whole)
    near, middle, chances = [written], [written], [0.0]
    entropies: list[float] = []
    reached, done = 0.0, ""  # the digits before a token, and their log-probability
    for token, part in tokens:
        if not (own := _digits_of(part)):
            continue
        others = _other_digits(token, own)
        entropies.append(_entropy([bounded_logprob(token.logprob), *others.values()]))
        for digits, logprob in others.items():
            length = len(whole) if done or not is_whole else usual * (digits[0] != "0")
            low, high = _range_from(done + digits, length)
            near.append(min(max(written, low), high))
            middle.append((low + high) / 2)
            chances.append(math.exp(reached + logprob))
        reached += bounded_logprob(token.logprob)
        done += own
    chances[0] = math.exp(reached)
    total = sum(chances)
    return CoordinateOdds(
        tuple(value * unit for value in near),
        tuple(value * unit for value in middle),
        tuple(chance / total for chance in chances),
        tuple(entropies),
    )


def _digits_of(text: str) -> str:
    return "".join(character for character in text if "0" <= character <= "9")


def _other_digits(token: Token, own: str) -> dict[str, float]:
    """Return the log-probability of each run of digits in place of a token's own."""
    others: dict[str, float] = {}
    for text, logprob in likeliest(token):
        match = _DIGITS.match(text)
        if match and text != token.text and match[1] != own:
            known = others.get(match[1])
            others[match[1]] = logprob if known is None else math.log(math.exp(known) + math.exp(logprob))
    return others


def _range_from(begun: str, length: int) -> tuple[float, float]:
    """Return the smallest and the largest number of so many digits that begins with these."""
    missing = max(0, length - len(begun))
    return _number(begun + "0" * missing), _number(begun + "9" * missing)


def _number(digits: str) -> float:
    return min(LARGEST, float(digits or 0))


def _entropy(logprobs: Sequence[float]) -> float:
    """Return the entropy of probabilities after they are scaled to sum to 1, in nats."""
    weights = [math.exp(logprob) for logprob in logprobs]
    total = sum(weights)
    return -sum(weight / total * math.log(weight / total) for weight in weights if weight > 0)
