"""What the digits of a coordinate should be, when numbers near the right one are nearly as good.

For a coordinate y of the grid 0..1000, whose digits before place i are right, the target of digit k at place
i is the share of the numbers that begin with these digits and k:

    T(k | y, i) = sum of exp(-(v - y)^2 / tau) over all v whose decimal digits begin with y_1 ... y_(i-1) k,
                  divided by the same sum over all ten digits k

So the distance is that of numbers, not of digits, and place values count by themselves: the first digit of
500 may be a 4, as 499 is near, and that of 550 must be a 5; the last digit is spread over its neighbours.
A v outside of the grid counts as 0 or 1000, as a box is cut at the border of its image.

A digit weighs as much as its place: W(y, i) = 10^(digits of y behind place i). Without that, the last digits
would decide the loss, as their targets are flat and a model that is right and certain is far from them.

Sources: Chung et al., "Teaching Metric Distance to Discrete Autoregressive Language Models" (DIST2Loss, arXiv
2503.02379): targets exp(-d / tau) of a distance between tokens, beside the cross entropy with a weight of
0.1. Zausinger et al., "Regress, Don't Guess" (number token loss, arXiv 2411.02083): the loss over the digit
tokens alone. Both measure digits; that the sums are over numbers, and the weights, are this project's.
"""

import math
from functools import cache
from typing import Any

from grounding.boxes import GRID

PLACES = len(str(GRID))
"""Digits of the longest coordinate."""

DIGITS = 10
NO_DIGIT = -1
"""The code of a token that is no digit of a coordinate."""

NEGLIGIBLE = 40.0
"""exp(-40) of a number's own weight is less than float32 can add to it."""


def digit_code(number: int, place: int) -> int:
    """Return the row of `target_table` for a digit of a number; place 0 is its first digit."""
    return number * PLACES + place


@cache
def place_values() -> Any:
    """Return the weight of each digit, float64 (coordinates x PLACES), 0 where a number has no such place."""
    import numpy as np

    values = np.zeros((GRID + 1) * PLACES)
    for number in range(GRID + 1):
        for place in range(count := len(str(number))):
            values[digit_code(number, place)] = 10.0 ** (count - 1 - place)
    return values


@cache
def target_table(tau: float) -> Any:
    """Return the targets of all digits of all coordinates, float64 (coordinates x PLACES, ten digits).

    Rows of places that a number does not have are 0.
    """
    import numpy as np

    numbers = np.arange(GRID + 1)
    outside = math.ceil(math.sqrt(NEGLIGIBLE * tau))
    others = np.arange(-outside, GRID + outside + 1)
    spread = np.exp(-((numbers[:, None] - others[None, :]) ** 2) / tau)  # (right number, other number)
    weights = spread[:, outside : outside + GRID + 1]
    weights[:, 0] += spread[:, :outside].sum(axis=1)
    weights[:, -1] += spread[:, outside + GRID + 1 :].sum(axis=1)
    texts = [str(number) for number in range(GRID + 1)]
    shares: dict[str, Any] = {}
    for number, text in enumerate(texts):
        for length in range(1, len(text) + 1):
            start = text[:length]
            shares[start] = shares.get(start, 0.0) + weights[:, number]
    table = np.zeros((len(texts) * PLACES, DIGITS))
    for number, text in enumerate(texts):
        for place in range(len(text)):
            found = [shares[start][number] if (start := f"{text[:place]}{digit}") in shares else 0.0
                     for digit in range(DIGITS)]  # fmt: skip
            table[digit_code(number, place)] = np.array(found) / sum(found)
    return table
