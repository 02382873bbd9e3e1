from collections import Counter
from typing import Any

import numpy as np
import pytest

from grounding.boxes import Box, iou
from train.objectives.joint_head.box_batches import BoxRow
from train.objectives.joint_head.joint_settings import JointSettings
from train.objectives.joint_head.spoiled_boxes import SeenBoxes, make_wrong

DIGITS = list(range(100, 110))
LENGTH = 1000
LABEL, OTHER = 11, 22


def box(
    place: int, numbers: tuple[int, int, int, int], answer: int = 0, label_end: int | None = None
) -> BoxRow:
    """A box whose numbers begin 2, 7, 12 and 17 tokens behind its place."""
    before = (place + 1, place + 6, place + 11, place + 16)
    return BoxRow(
        answer,
        answer,
        place if label_end is None else label_end,
        place + 22,
        before,
        numbers,
        LABEL,
        OTHER,
        400,
    )


def draw(boxes: list[BoxRow], seed: int = 0, others: Any = None, **settings: Any) -> SeenBoxes:
    shares = {"answers": 1.0, "jittered": 0.0, "wrong": 0.0, "relabelled": 0.0, **settings}
    return make_wrong(
        boxes, others or {}, DIGITS, LENGTH, JointSettings(**shares), np.random.default_rng(seed)
    )


def numbers_of(row: BoxRow, seen: SeenBoxes) -> list[int]:
    """The numbers in the tokens to write, read back; those of the box where nothing is written."""
    tokens = {place: token for _, place, token in seen.tokens}
    numbers = []
    for before, number in zip(row.before, row.numbers, strict=True):
        digits = [tokens.get(before + 1 + place) for place in range(len(str(number)))]
        numbers.append(number if None in digits else int("".join(str(DIGITS.index(each)) for each in digits)))
        assert before + 1 + len(str(number)) not in tokens
    return numbers


def test_jittered_boxes_are_near_and_keep_their_digits() -> None:
    row = box(50, (100, 95, 700, 1000))
    moved = set()
    for seed in range(60):
        seen = draw([row], seed, jittered=1.0, jitter=0.3)
        numbers = numbers_of(row, seen)
        assert np.array_equal(seen.written, np.array([numbers], "float32") / 1000)
        assert [len(str(number)) for number in numbers] == [3, 2, 3, 4]
        assert 100 <= numbers[0] <= 280
        assert 10 <= numbers[1] <= 99
        assert 520 <= numbers[2] <= 880
        assert seen.unlearned == [(0, 52, 400)]
        overlap = iou(Box(*map(float, numbers)), Box(*map(float, row.numbers)))
        assert seen.matched[0] == (overlap >= 0.5)
        assert seen.wanted[0] == pytest.approx(np.array(row.numbers) / 1000 * seen.matched[0])
        assert seen.changed[0] == 1
        moved.add(tuple(numbers))
    assert len(moved) > 50


def test_wrong_boxes_match_nothing() -> None:
    row = box(50, (200, 300, 500, 700))
    for seed in range(40):
        seen = draw([row], seed, wrong=1.0)
        x1, y1, x2, y2 = numbers_of(row, seen)
        assert x1 < x2
        assert y1 < y2
        assert iou(Box(x1, y1, x2, y2), Box(200, 300, 500, 700)) < 0.5
        assert (seen.matched[0], seen.changed[0]) == (0, 0)
        assert seen.unlearned == [(0, 52, 400)]


def test_a_box_that_comes_to_lie_on_another_object_matches_that() -> None:
    rows = [box(50, (200, 200, 500, 500)), box(90, (210, 210, 510, 510))]
    seen = [draw(rows, seed, jittered=0.5, jitter=0.3) for seed in range(200)]
    crossed = [each for each in seen if each.matched[0] and each.wanted[0][0] == np.float32(0.21)]
    assert crossed


def test_other_labels_take_all_boxes_that_share_one() -> None:
    rows = [box(50, (200, 200, 500, 500), label_end=40), box(90, (600, 200, 900, 500), label_end=40)]
    others = {place: [(39, 7), (40, 8)] for place in range(2)}
    seen = draw(rows, others=others, relabelled=1.0)
    assert sorted(set(seen.tokens)) == [(0, 39, 7), (0, 40, 8)]
    assert set(seen.unlearned) == {(0, 39, 400)}
    assert seen.matched.tolist() == [0, 0]
    assert seen.written[0] == pytest.approx([0.2, 0.2, 0.5, 0.5])
    assert draw(rows, relabelled=1.0).matched.tolist() == [1, 1]  # there is no other label


def test_an_object_of_the_other_label_is_matched() -> None:
    rows = [box(50, (200, 200, 500, 500)), box(90, (600, 200, 900, 500))]
    rows[1] = BoxRow(*[*vars(rows[1]).values()][:6], OTHER, OTHER, 400)
    rows[0] = BoxRow(*[*vars(rows[0]).values()][:5], (600, 200, 900, 510), LABEL, OTHER, 400)
    seen = draw(rows, others={0: [(50, 7)]}, relabelled=1.0)
    assert seen.matched.sum() == 1  # one object for two boxes that claim it
    assert seen.matched[1] == 1


def test_shares_are_those_of_the_settings_and_a_seed_repeats() -> None:
    rows = [box(50, (200, 300, 500, 700), answer) for answer in range(1500)]
    others = {place: [(50, 7)] for place in range(1500)}
    settings = {"answers": 0.5, "jittered": 0.4, "wrong": 0.2, "relabelled": 0.1}
    seen = draw(rows, 1, others, **settings)
    kinds = Counter(
        "jittered" if changed else "right" if matched else "wrong or relabelled"
        for changed, matched in zip(seen.changed, seen.matched, strict=True)
    )
    assert kinds["jittered"] / 1500 == pytest.approx(0.2, abs=0.04)
    assert kinds["wrong or relabelled"] / 1500 == pytest.approx(0.15, abs=0.04)
    assert len({row for row, _, _ in seen.unlearned}) / 1500 == pytest.approx(0.35, abs=0.04)
    again, other = draw(rows, 1, others, **settings), draw(rows, 2, others, **settings)
    assert again.tokens == seen.tokens
    assert other.tokens != seen.tokens


def test_places_index_the_states_of_all_tokens() -> None:
    rows = [box(50, (1, 2, 3, 4), answer) for answer in range(2)]
    assert draw(rows, relabelled=1.0).places.tolist() == [
        [50, 72, 51, 56, 61, 66],
        [1050, 1072, 1051, 1056, 1061, 1066],
    ]


def test_a_batch_without_boxes_stays() -> None:
    seen = draw([], jittered=1.0)
    assert (seen.tokens, seen.unlearned, len(seen.matched)) == ([], [], 0)
