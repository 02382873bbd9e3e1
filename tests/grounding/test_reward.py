"""The reward: its bounds, what lowers it, and that no attack of the audit wins against it."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reward_audit import ATTACKS, REWARDS, attacks_won, group_order
from grounding.answers.asked import Asked
from grounding.answers.forms import ANSWER_FORMATS, LABEL_ONLY, NOTHING_FOUND, TRUNCATED
from grounding.answers.reader import read_answer
from grounding.boxes import Box, Size
from grounding.reward import answer_reward, boxes_reward, soft_f1
from grounding.samples import Detection, Reading

SIZE = Size(1000, 1000)

Boxes = tuple[Detection, ...]


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Detection, ...]:
    drawn = []
    for _ in range(draw(st.integers(0, 6))):
        x, y = draw(st.integers(0, 900)), draw(st.integers(0, 900))
        box = Box(x, y, x + draw(st.integers(20, 100)), y + draw(st.integers(20, 100)))
        drawn.append(Detection(draw(st.sampled_from(["cup", "plate"])), box))
    return tuple(drawn)


@given(boxes(), boxes(), st.randoms(use_true_random=False))
def test_the_reward_is_bounded_and_has_no_order(found: Boxes, wanted: Boxes, order: random.Random) -> None:
    value = boxes_reward(found, wanted)
    assert 0 <= value <= 1
    shuffled, others = list(found), list(wanted)
    order.shuffle(shuffled)
    order.shuffle(others)
    assert boxes_reward(shuffled, others) == pytest.approx(value)


@given(boxes())
def test_only_the_truth_is_worth_one(wanted: Boxes) -> None:
    assert boxes_reward(wanted, wanted) == pytest.approx(1)
    for place in range(len(wanted)):
        assert boxes_reward(wanted[:place] + wanted[place + 1 :], wanted) < 1 - 1e-6
        wrong = replace(wanted[place], label="spoon")
        assert boxes_reward((*wanted[:place], wrong, *wanted[place + 1 :]), wanted) < 1 - 1e-6
        assert boxes_reward((*wanted, wanted[place]), wanted) < 1 - 1e-6


@given(boxes(), boxes(), boxes())
def test_boxes_that_match_nothing_never_help(found: Boxes, wanted: Boxes, more: Boxes) -> None:
    value = boxes_reward(found, wanted)
    others = tuple(replace(item, label="spoon") for item in more)
    assert boxes_reward(found + others, wanted) <= value
    assert boxes_reward(found, wanted, wrong=len(others)) == pytest.approx(
        boxes_reward(found + others, wanted)
    )


def test_the_pairs_have_the_largest_sum() -> None:
    wanted = (Detection("cup", Box(0, 0, 10, 10)), Detection("cup", Box(6, 0, 16, 10)))
    # The first box is nearer to the second object; taken greedily, the second box would have no partner.
    found = (Detection("cup", Box(4, 0, 14, 10)), Detection("cup", Box(12, 0, 22, 10)))
    assert soft_f1(found, wanted) == pytest.approx(2 * (6 / 14 + 4 / 16) / 4)


@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
def test_absent_things(answer_format: str) -> None:
    cup = (Detection("cup", Box(10, 10, 300, 300)),)
    nothing = read_answer(NOTHING_FOUND[answer_format], SIZE)
    invented = Reading(cup, ())
    assert answer_reward(nothing, ()) == 1
    assert answer_reward(nothing, cup) == 0
    assert answer_reward(invented, ()) == 0


def test_unreadable_and_cut_answers_are_worth_nothing() -> None:
    cup = (Detection("cup", Box(10, 10, 300, 300)),)
    good = Reading(cup, ())
    assert answer_reward(good, cup) == pytest.approx(1)
    assert answer_reward(good, cup, [TRUNCATED]) == 0
    for text in ("", "I am a helpful assistant.", "cup"):
        assert answer_reward(read_answer(text, SIZE), cup) == 0
        assert answer_reward(read_answer(text, SIZE), ()) == 0


def test_pieces_without_a_box_count_as_wrong_boxes() -> None:
    cup = (Detection("cup", Box(10, 10, 300, 300)),)
    lost = Reading(cup, (LABEL_ONLY,))
    assert answer_reward(lost, cup) == pytest.approx(boxes_reward(cup, cup, wrong=1)) == pytest.approx(2 / 3)


def test_no_attack_wins_and_groups_are_ordered() -> None:
    assert len(ATTACKS) == 13
    won = attacks_won({name: REWARDS[name] for name in ("ours", "VLM-R1 mAP")}, scenes=150, seed=1)
    assert won["ours"] == []
    assert "20 random boxes after" in won["VLM-R1 mAP"]  # the audit finds a reward with a hole
    order = group_order({"ours": REWARDS["ours"]}, groups=40, seed=1)["ours"]
    assert all(order[policy].correlation >= 0.84 for policy in ("strong", "normal", "weak"))
    assert all(each.dead == 0 for each in order.values())


@given(boxes(), boxes(), st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_pictures_are_as_places_apart(found: Boxes, wanted: Boxes, drawn: list[int]) -> None:
    """Boxes of several pictures are worth what they are worth far from each other in one picture."""
    pictures = iter(drawn)
    groups = [[replace(item, picture=next(pictures)) for item in items] for items in (found, wanted)]
    apart = [[replace(item, box=moved(item), picture=0) for item in items] for items in groups]
    assert boxes_reward(*groups) == pytest.approx(boxes_reward(*apart))


def moved(item: Detection) -> Box:
    shift = 5000 * item.picture
    return Box(item.box.x1 + shift, item.box.y1, item.box.x2 + shift, item.box.y2)


def test_a_box_in_the_wrong_picture_or_in_none_is_a_wrong_box() -> None:
    asked = Asked((SIZE, SIZE))
    wanted = (Detection("cup", Box(10, 10, 90, 90)), Detection("cup", Box(20, 20, 80, 80), picture=1))

    def reward(text: str) -> float:
        return answer_reward(read_answer(text, asked), wanted)

    one, other = "cup(10,10),(90,90)", "cup(20,20),(80,80)"
    assert reward(f"Image 1: {one}\nImage 2: {other}") == pytest.approx(1)
    alone = reward(f"Image 1: {one}")
    assert 0 < alone < 0.7
    lost = [f"Image 3: {other}", f"Image 1: {one}", "Image 1: spoon(20,20),(80,80)"]
    worse = [reward(f"Image 1: {one}\n{more}") for more in lost]
    assert all(value < alone for value in worse)
    assert worse[0] == pytest.approx(worse[1]) == pytest.approx(worse[2])
    assert reward(f"{one}, {other}") == 0  # no picture is named
    assert reward(f"Image 2: {one}\nImage 1: {other}") < alone
