import itertools
import random

import pytest

from grounding.boxes import Box, iou
from infer.confidence.coordinate_odds import CoordinateOdds
from infer.confidence.overlap_odds import MOST_VALUES, overlap_odds


def sure(value: float) -> CoordinateOdds:
    return CoordinateOdds((value,), (value,), (1.0,), ())


def drawn_side(chance: random.Random, low: int, high: int) -> CoordinateOdds:
    values = [float(chance.randint(low, high)) for _ in range(chance.randint(1, 5))]
    weights = [chance.random() + 0.01 for _ in values]
    return CoordinateOdds(tuple(values), tuple(values), tuple(w / sum(weights) for w in weights), ())


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_sum_over_all_boxes(seed: int, moves: bool) -> None:
    chance = random.Random(seed)
    sides = [drawn_side(chance, low, low + 400) for low in (0, 0, 500, 500)]
    written = Box(*(side.near[0] for side in sides))
    total = expected = good = 0.0
    for pairs in itertools.product(*(zip(side.near, side.chances, strict=True) for side in sides)):
        (x1, a), (y1, b), (x2, c), (y2, d) = pairs
        if moves:
            x2, y2 = x2 + x1 - written.x1, y2 + y1 - written.y1
        box, weight = Box(x1, y1, x2, y2), a * b * c * d
        total += weight
        expected += weight * iou(written, box)
        good += weight * (iou(written, box) >= 0.5)
    odds = overlap_odds(sides, near=True, moves=moves)
    assert odds.expected == pytest.approx(expected / total)
    assert odds.good == pytest.approx(good / total)


def test_a_moved_box_keeps_its_size() -> None:
    left = CoordinateOdds((100.0, 200.0), (100.0, 200.0), (0.5, 0.5), ())
    sides = [left, sure(0), sure(200), sure(100)]
    assert overlap_odds(sides, near=True, moves=True).expected == pytest.approx(0.5)  # (100..200), (200..300)
    left = CoordinateOdds((100.0, 150.0), (100.0, 150.0), (0.5, 0.5), ())
    sides = [left, sure(0), sure(200), sure(100)]
    assert overlap_odds(sides, near=True, moves=False).expected == pytest.approx((1 + 1 / 2) / 2)
    assert overlap_odds(sides, near=True, moves=True).expected == pytest.approx((1 + 1 / 3) / 2)


def test_boxes_that_the_reader_would_refuse_have_no_chance() -> None:
    right = CoordinateOdds((200.0, 50.0), (200.0, 50.0), (0.5, 0.5), ())
    sides = [sure(100), sure(0), right, sure(100)]
    assert overlap_odds(sides, near=False, moves=False).expected == 1


def test_unlikely_numbers_beyond_the_most_are_left_out() -> None:
    values = tuple(float(number) for number in range(100, 100 + MOST_VALUES + 50))
    chances = (0.9, *(0.1 / (len(values) - 1),) * (len(values) - 1))
    odds = overlap_odds([CoordinateOdds(values, values, chances, ()), sure(0), sure(1000), sure(9)],
                        near=True, moves=False)  # fmt: skip
    assert odds.good == pytest.approx(1.0)
