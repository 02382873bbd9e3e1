"""How well a written box is likely to fit, if each of its coordinates were drawn by the model's odds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infer.confidence.coordinate_odds import CoordinateOdds

MOST_VALUES = 8
"""Of each coordinate, so many of the likeliest numbers are tried in every combination with the others."""

GOOD_FIT = 0.5
"""The IoU from which a box is right."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OverlapOdds:
    """The expected IoU of a box with what else could stand in its place, and the chance of GOOD_FIT."""

    expected: float
    good: float


def overlap_odds(sides: Sequence[CoordinateOdds], *, near: bool, moves: bool) -> OverlapOdds:
    """Return the odds of a box from those of x1, y1, x2 and y2.

    Units do not matter, as an IoU is the same in all. `near` chooses between the guesses of a number. If it
    `moves`, another first corner moves the second one with it: the model wrote x2 and y2 in view of x1 and
    y1. Otherwise the four numbers do not depend on each other.
    """
    (left, right), (top, bottom) = (
        (_likeliest_values(sides[axis], near=near), _likeliest_values(sides[axis + 2], near=near))
        for axis in (0, 1)
    )
    inside_x, length_x, odds_x = _along(left, right, moves=moves)
    inside_y, length_y, odds_y = _along(top, bottom, moves=moves)
    own = length_x[0] * length_y[0]
    inside = np.outer(inside_x, inside_y)
    union = own + np.outer(length_x, length_y) - inside
    overlap = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
    odds = np.outer(odds_x, odds_y)
    total = float(odds.sum())
    return OverlapOdds(
        float((overlap * odds).sum()) / total, float(odds[overlap >= GOOD_FIT - 1e-9].sum()) / total
    )


def _likeliest_values(side: CoordinateOdds, *, near: bool) -> tuple[Values, Values]:
    """Return values and chances of a coordinate; the written one is the first."""
    values = side.near if near else side.middle
    order = sorted(range(1, len(values)), key=lambda place: (-side.chances[place], values[place]))
    kept = [0, *order[: MOST_VALUES - 1]]
    return np.array([values[place] for place in kept]), np.array([side.chances[place] for place in kept])


def _along(
    start: tuple[Values, Values], end: tuple[Values, Values], *, moves: bool
) -> tuple[Values, Values, Values]:
    """Return, for all pairs of two ends, the part inside the written interval, the length, and the chance.

    With `moves`, an end keeps its distance from the other start.

    Pairs in the wrong order have no chance: the reader would not take them as a box.
    """
    starts, ends = np.repeat(start[0], len(end[0])), np.tile(end[0], len(start[0]))
    if moves:
        ends = ends + starts - start[0][0]
    inside = np.clip(np.minimum(ends, end[0][0]) - np.maximum(starts, start[0][0]), 0, None)
    odds = np.where(ends > starts, np.outer(start[1], end[1]).ravel(), 0.0)
    return inside, np.clip(ends - starts, 0, None), odds
